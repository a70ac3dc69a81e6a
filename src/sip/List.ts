/** Values that are lists (RFC 3261 section 7.3.1). */
import { isToken, skipSpace, trimEnd } from "./Syntax.ts";

const QUOTE = 34;
const COMMA = 44;
const LESS = 60;
const GREATER = 62;
const BACKSLASH = 92;

/** More elements than this make a list malformed. */
const maxElements = 256;

/**
 * The elements between commas that stand neither in quotes nor in `<` `>`; empty ones are left out.
 * `undefined` when a quote or a bracket never closes, or the list is too long.
 */
const split = (value: string): ReadonlyArray<string> | undefined => {
  const elements: Array<string> = [];
  let start = 0;
  let quoted = false;
  let bracketed = false;
  for (let i = 0; i <= value.length; i++) {
    const c = i === value.length ? COMMA : value.charCodeAt(i);
    if (quoted) {
      if (i === value.length) return undefined;
      if (c === QUOTE) quoted = false;
      else if (c === BACKSLASH) i++;
      continue;
    }
    if (bracketed) {
      if (i === value.length) return undefined;
      if (c === GREATER) bracketed = false;
    } else if (c === QUOTE) {
      quoted = true;
    } else if (c === LESS) {
      bracketed = true;
    } else if (c === COMMA) {
      const from = skipSpace(value, start, i);
      const element = value.slice(from, trimEnd(value, from, i));
      if (element !== "" && elements.push(element) > maxElements) return undefined;
      start = i + 1;
    }
  }
  return quoted || bracketed ? undefined : elements;
};

/** The elements of several headers of one name, in order. */
export const splitAll = (values: ReadonlyArray<string>): ReadonlyArray<string> | undefined => {
  if (values.length === 1) return split(values[0]!);
  const all: Array<string> = [];
  for (const value of values) {
    const elements = split(value);
    if (elements === undefined || all.length + elements.length > maxElements) return undefined;
    all.push(...elements);
  }
  return all;
};

/** A list of tokens (option tags, methods); `undefined` when an element is none. */
export const tokens = (values: ReadonlyArray<string>): ReadonlyArray<string> | undefined => {
  const all = splitAll(values);
  return all?.every(isToken) ? all : undefined;
};
