/**
 * Parameters: `;name=value;flag` (RFC 3261 section 25.1, `generic-param`). A list of parameters is
 * kept as the text it was, from its first semicolon on, and read in place.
 */
import { quotedEnd, same, skip, skipSpace, tokenChar, unquote, valueChar } from "./Syntax.ts";

const SEMICOLON = 59;
const EQUALS = 61;
const QUOTE = 34;

/** Where `next` found the parameter. A flag has `valueStart` -1. */
export class Cursor {
  nameStart = 0;
  nameEnd = 0;
  valueStart = -1;
  valueEnd = -1;
}

/**
 * Reads the parameter whose semicolon is at `i`. Gives the index after it and the white space that
 * follows, or -1 when it is malformed: no name, no value after `=`, a quote that never closes.
 */
export const next = (text: string, i: number, end: number, at: Cursor): number => {
  i = skipSpace(text, i + 1, end);
  at.nameStart = i;
  i = skip(tokenChar, text, i, end);
  at.nameEnd = i;
  if (i === at.nameStart) return -1;
  i = skipSpace(text, i, end);
  if (i >= end || text.charCodeAt(i) !== EQUALS) {
    at.valueStart = -1;
    at.valueEnd = -1;
    return i;
  }
  i = skipSpace(text, i + 1, end);
  at.valueStart = i;
  i = text.charCodeAt(i) === QUOTE ? quotedEnd(text, i, end) : skip(valueChar, text, i, end);
  if (i === -1 || i === at.valueStart || i > end) return -1;
  at.valueEnd = i;
  return skipSpace(text, i, end);
};

/** A parameter: its name in lower case, and its value without quotes; a flag's value is `""`. */
export type Param = readonly [name: string, value: string];

const valueAt = (text: string, at: Cursor): string => {
  if (at.valueStart === -1) return "";
  const raw = text.slice(at.valueStart, at.valueEnd);
  return raw.charCodeAt(0) === QUOTE ? unquote(raw) : raw;
};

/** All parameters of `;a=b;c`, or `undefined` when they are malformed. */
export const parse = (params: string): ReadonlyArray<Param> | undefined => {
  const at = new Cursor();
  const all: Array<Param> = [];
  let i = skipSpace(params, 0, params.length);
  while (i < params.length) {
    if (params.charCodeAt(i) !== SEMICOLON) return undefined;
    i = next(params, i, params.length, at);
    if (i === -1) return undefined;
    all.push([params.slice(at.nameStart, at.nameEnd).toLowerCase(), valueAt(params, at)]);
  }
  return all;
};

/** The first parameter of this (lower-case) name: its value, `""` for a flag. */
export const get = (params: string, name: string): string | undefined => {
  const at = new Cursor();
  let i = skipSpace(params, 0, params.length);
  while (i < params.length && params.charCodeAt(i) === SEMICOLON) {
    i = next(params, i, params.length, at);
    if (i === -1) return undefined;
    if (same(params, at.nameStart, at.nameEnd, name)) return valueAt(params, at);
  }
  return undefined;
};
