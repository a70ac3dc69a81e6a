/** What a source file imports, exports, declares and reaches for, read from its syntax tree. */
import { parseAst } from "vitest/node";

export interface Import {
  /** Empty when only the run knows it: `import(name)`. */
  readonly from: string;
  readonly typeOnly: boolean;
  readonly names: ReadonlyArray<string>;
  /** Of `import * as Name`. */
  readonly namespace: string | undefined;
}

export interface Declared {
  readonly name: string;
  readonly lines: number;
}

export interface Source {
  readonly imports: ReadonlyArray<Import>;
  readonly functions: ReadonlyArray<Declared>;
  /** Values, not types (a class is one as well); `default` too. */
  readonly exports: ReadonlyArray<string>;
  /**
   * Every name that is read as a value, in the form in which it is: `Date.now`, `Date[]`,
   * `fetch()`, `new Date()`, `new Date(...)` with arguments, and plain `fetch`.
   */
  readonly uses: ReadonlySet<string>;
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && typeof (value as Node).type === "string";

const childrenOf = (node: Node): ReadonlyArray<readonly [string, Node]> =>
  Object.entries(node).flatMap(([key, value]) =>
    (Array.isArray(value) ? value : [value]).filter(isNode).map((child) => [key, child] as const)
  );

const nodesOf = (value: unknown): ReadonlyArray<Node> =>
  Array.isArray(value) ? value.filter(isNode) : [];

/** Of an identifier or a literal, or of what has one as its key. */
const nameOf = (node: unknown): string =>
  isNode(node)
    ? String(node["name"] ?? (isNode(node["key"]) ? nameOf(node["key"]) : node["value"] ?? ""))
    : "";

const functionTypes = new Set([
  "ArrowFunctionExpression",
  "FunctionExpression",
  "FunctionDeclaration",
]);

/** Syntax of TypeScript that wraps a value; all other `TS...` is types. */
const wrappers = new Set([
  "TSAsExpression",
  "TSInstantiationExpression",
  "TSNonNullExpression",
  "TSSatisfiesExpression",
]);

const isImport = /^(Import(Declaration|Expression)|Export(Named|All)Declaration|TSImportType)$/;

const isType = (node: Node): boolean => (node["importKind"] ?? node["exportKind"]) === "type";

const importOf = (node: Node): Import | undefined => {
  const source = node["source"];
  if (!isNode(source)) return undefined;
  const specifiers = nodesOf(node["specifiers"]);
  const all = specifiers.find(({ type }) => type === "ImportNamespaceSpecifier");
  return {
    from: typeof source["value"] === "string" ? source["value"] : "",
    typeOnly: node.type === "TSImportType" || isType(node) ||
      (specifiers.length > 0 && specifiers.every(isType)),
    names: specifiers.filter((one) => one !== all)
      .map((one) => nameOf(one["imported"] ?? one["local"])),
    namespace: all === undefined ? undefined : nameOf(all["local"]),
  };
};

/** `new URL("./Worker.ts", import.meta.url)`: what a thread or a process is started with. */
const startedBy = (node: Node): Import | undefined => {
  const [file, base] = nodesOf(node["arguments"]);
  const from = nameOf(file);
  return node.type === "NewExpression" && nameOf(node["callee"]) === "URL" &&
      /^\..*\.ts$/.test(from) && base?.type === "MemberExpression"
    ? { from, typeOnly: false, names: [], namespace: undefined }
    : undefined;
};

const exportsOf = (node: Node): ReadonlyArray<string> => {
  if (node.type === "ExportDefaultDeclaration") return ["default"];
  if (node.type !== "ExportNamedDeclaration" || isType(node)) return [];
  const declared = node["declaration"];
  const named = nodesOf(node["specifiers"]).filter((one) => !isType(one))
    .map((one) => nameOf(one["exported"]));
  if (!isNode(declared) || /^(TS|Class)/.test(declared.type)) return named;
  return [...named, ...[declared, ...nodesOf(declared["declarations"])].map(idOf).filter(Boolean)];
};

const idOf = (node: Node): string => nameOf(node["id"]);

/** How `node`, an identifier, is read by its parent; undefined when it is not a value. */
const useOf = (node: Node, parent: Node, key: string): string | undefined => {
  const name = nameOf(node);
  const isName = (key === "property" || key === "key") && parent["computed"] !== true;
  if (isName || /Specifier$|^MetaProperty$|^LabeledStatement$/.test(parent.type)) return undefined;
  if (parent.type === "MemberExpression" && key === "object") {
    return parent["computed"] === true ? `${name}[]` : `${name}.${nameOf(parent["property"])}`;
  }
  if (key !== "callee") return name;
  if (parent.type === "CallExpression") return `${name}()`;
  return `new ${name}(${nodesOf(parent["arguments"]).length === 0 ? "" : "..."})`;
};

/** `text` as the file would hold it; TypeScript. */
export const read = (text: string): Source => {
  const imports: Array<Import> = [];
  const functions: Array<Declared> = [];
  const exports: Array<string> = [];
  const uses = new Set<string>();
  const linesOf = ({ start, end }: Node): number => text.slice(start, end).split("\n").length;

  /** `name` is that of the nearest declaration around, `inType` true where no value can stand. */
  const visit = (node: Node, parent: Node, key: string, name: string, inType: boolean): void => {
    const found = isImport.test(node.type) ? importOf(node) : startedBy(node);
    if (found !== undefined) imports.push(found);
    exports.push(...exportsOf(node));
    if (functionTypes.has(node.type)) {
      functions.push({ name: idOf(node) || name, lines: linesOf(node) });
    }
    if (node.type === "Identifier" && !inType) {
      const use = useOf(node, parent, key);
      if (use !== undefined) uses.add(use);
    }
    const own = nameOf(node["id"] ?? node["key"]) || name;
    const types = inType || (node.type.startsWith("TS") && !wrappers.has(node.type));
    for (const [at, child] of childrenOf(node)) visit(child, node, at, own, types);
  };
  const program = parseAst(text, { lang: "ts" }) as unknown as Node;
  visit(program, program, "", "", false);
  return { imports, functions, exports, uses };
};
