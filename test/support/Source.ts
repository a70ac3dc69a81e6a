/** What a source file imports, exports and declares, read from its syntax tree. */
import { parseAst } from "vitest/node";

export interface Import {
  readonly from: string;
  readonly typeOnly: boolean;
  readonly names: ReadonlyArray<string>;
}

export interface Declared {
  readonly name: string;
  readonly lines: number;
}

export interface Source {
  readonly imports: ReadonlyArray<Import>;
  readonly functions: ReadonlyArray<Declared>;
  readonly hasDefaultExport: boolean;
  /** Whatever the file reaches for: `Date.now`, `Effect.sync`, `fetch`, `new Date()`. */
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

const childrenOf = (node: Node): ReadonlyArray<Node> =>
  Object.values(node).flatMap((value) => Array.isArray(value) ? value : [value]).filter(isNode);

const nameOf = (node: unknown): string =>
  isNode(node)
    ? String(node["name"] ?? (isNode(node["key"]) ? nameOf(node["key"]) : node["value"] ?? ""))
    : "";

const functionTypes = new Set([
  "ArrowFunctionExpression",
  "FunctionExpression",
  "FunctionDeclaration",
]);

const importOf = (node: Node): Import | undefined => {
  const source = node["source"];
  if (!isNode(source) || typeof source["value"] !== "string") return undefined;
  const specifiers = (node["specifiers"] ?? []) as ReadonlyArray<Node>;
  const kind = node["importKind"] ?? node["exportKind"];
  const typeOnly = kind === "type" ||
    (specifiers.length > 0 &&
      specifiers.every((one) => (one["importKind"] ?? one["exportKind"]) === "type"));
  const names = specifiers.map((one) => nameOf(one["imported"] ?? one["local"]));
  return { from: source["value"], typeOnly, names };
};

/** `text` as the file would hold it; TypeScript. */
export const read = (text: string): Source => {
  const imports: Array<Import> = [];
  const functions: Array<Declared> = [];
  const uses = new Set<string>();
  let hasDefaultExport = false;
  const linesOf = ({ start, end }: Node): number => text.slice(start, end).split("\n").length;

  const visit = (node: Node, name: string): void => {
    if (/^(Import|ExportNamed|ExportAll)|^TSImportType$/.test(node.type)) {
      const found = importOf(node);
      if (found !== undefined) imports.push(found);
    }
    if (node.type === "ExportDefaultDeclaration") hasDefaultExport = true;
    if (functionTypes.has(node.type)) {
      functions.push({ name: nameOf(node["id"]) || name, lines: linesOf(node) });
    }
    if (node.type === "MemberExpression" && node["computed"] !== true) {
      uses.add(`${nameOf(node["object"])}.${nameOf(node["property"])}`);
    }
    if (node.type === "CallExpression") uses.add(`${nameOf(node["callee"])}()`);
    if (node.type === "NewExpression") {
      const bare = (node["arguments"] as ReadonlyArray<unknown>).length === 0;
      uses.add(`new ${nameOf(node["callee"])}(${bare ? "" : "..."})`);
    }
    const own = nameOf(node["id"] ?? node["key"]) || name;
    for (const child of childrenOf(node)) visit(child, own);
  };
  visit(parseAst(text, { lang: "ts" }) as unknown as Node, "");
  return { imports, functions, hasDefaultExport, uses };
};
