/**
 * The variants of a schema: each optional field present and absent, each member of a union, each
 * list with and without elements. What samples should show, and what they do show.
 */
import type { SchemaAST } from "effect";
import { own } from "./Contract.ts";

type Ast = SchemaAST.AST;

const isOptional = (ast: Ast): boolean => ast.context?.isOptional ?? false;

/** Members of a union, those of unions in it included. */
export const membersOf = (ast: Ast): ReadonlyArray<Ast> =>
  ast._tag === "Union" ? ast.types.flatMap(membersOf) : [ast];

const tagOf = (ast: Ast): string | undefined => {
  if (ast._tag !== "Objects") return undefined;
  const tag = ast.propertySignatures.find(({ name }) => name === "_tag")?.type;
  return tag?._tag === "Literal" ? String(tag.literal) : undefined;
};

export const labelOf = (ast: Ast): string =>
  ast._tag === "Literal" ? JSON.stringify(ast.literal) : tagOf(ast) ?? ast._tag;

/** True when the value is of this member; enough to tell the members of our unions apart. */
const isOf = (ast: Ast, value: unknown): boolean => {
  switch (ast._tag) {
    case "Null":
      return value === null;
    case "Literal":
      return value === ast.literal;
    case "Arrays":
      return Array.isArray(value);
    case "Objects": {
      if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
      const tag = tagOf(ast);
      return tag === undefined || (value as { readonly _tag?: unknown })._tag === tag;
    }
    case "String":
      return typeof value === "string";
    case "Number":
      return typeof value === "number";
    case "Boolean":
      return typeof value === "boolean";
    default:
      return false;
  }
};

const isList = (ast: Ast): ast is SchemaAST.Arrays => ast._tag === "Arrays" && ast.rest.length > 0;

/** All variants, as the path of a field and what stands there. */
export const variantsOf = (ast: Ast, path = ""): ReadonlyArray<string> => {
  if (path !== "" && own.has(ast)) return [];
  switch (ast._tag) {
    case "Union":
      return membersOf(ast).flatMap((member) => [
        `${path}: ${labelOf(member)}`,
        ...variantsOf(member, path),
      ]);
    case "Objects":
      return ast.propertySignatures.flatMap(({ name, type }) => {
        const at = `${path}.${String(name)}`;
        return isOptional(type)
          ? [`${at}: absent`, `${at}: present`, ...variantsOf(type, at)]
          : variantsOf(type, at);
      });
    case "Arrays": {
      const elements = [...ast.elements, ...ast.rest].flatMap((type) =>
        variantsOf(type, `${path}[]`)
      );
      return isList(ast) ? [`${path}: empty`, `${path}: filled`, ...elements] : elements;
    }
    default:
      return [];
  }
};

/** The variants that a value shows. */
export const shownBy = (ast: Ast, value: unknown, path = ""): ReadonlyArray<string> => {
  if (path !== "" && own.has(ast)) return [];
  switch (ast._tag) {
    case "Union": {
      const fitting = membersOf(ast).filter((member) => isOf(member, value));
      const member = fitting.find(({ _tag }) => _tag === "Literal") ?? fitting[0];
      return member === undefined
        ? []
        : [`${path}: ${labelOf(member)}`, ...shownBy(member, value, path)];
    }
    case "Objects":
      return ast.propertySignatures.flatMap(({ name, type }) => {
        const at = `${path}.${String(name)}`;
        const fields = value as Readonly<Record<PropertyKey, unknown>>;
        if (!isOptional(type)) return shownBy(type, fields[name], at);
        return Object.hasOwn(fields, name)
          ? [`${at}: present`, ...shownBy(type, fields[name], at)]
          : [`${at}: absent`];
      });
    case "Arrays": {
      const values = value as ReadonlyArray<unknown>;
      const elements = values.flatMap((element, n) =>
        shownBy(ast.elements[n] ?? ast.rest[0]!, element, `${path}[]`)
      );
      if (!isList(ast)) return elements;
      return [`${path}: ${values.length === 0 ? "empty" : "filled"}`, ...elements];
    }
    default:
      return [];
  }
};

/** Variants that none of the values shows. */
export const missing = (ast: Ast, values: ReadonlyArray<unknown>): ReadonlyArray<string> => {
  const shown = new Set(values.flatMap((value) => shownBy(ast, value)));
  return [...new Set(variantsOf(ast))].filter((variant) => !shown.has(variant));
};
