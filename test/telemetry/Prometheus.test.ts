import fc from "fast-check";
import { expect, test } from "vitest";
import * as Prometheus from "../../src/telemetry/Prometheus.ts";

test("families stand together under their type", () => {
  const text = Prometheus.print([
    { name: "a_total", labels: { status: "404", reason: "No Such Domain" }, value: 2 },
    { name: "b_total", labels: {}, value: 0 },
    { name: "a_total", labels: {}, value: 1 },
  ]);
  expect(text).toBe([
    "# TYPE tandem_a_total counter",
    'tandem_a_total{status="404",reason="No Such Domain"} 2',
    "tandem_a_total 1",
    "# TYPE tandem_b_total counter",
    "tandem_b_total 0",
    "",
  ].join("\n"));
});

test("nothing counted is nothing printed", () => {
  expect(Prometheus.print([])).toBe("");
});

/** A reader of label values by the text format's rules, written apart from the printer. */
const unescape = (value: string): string =>
  value.replace(/\\(.)/g, (_, c: string) => c === "n" ? "\n" : c);

test("any label value comes back as it was, on one line", () => {
  fc.assert(fc.property(fc.string(), (reason) => {
    const text = Prometheus.print([{ name: "a", labels: { reason }, value: 1 }]);
    const lines = text.split("\n");
    expect(lines).toHaveLength(3);
    const value = /^tandem_a\{reason="((?:[^"\\]|\\.)*)"\} 1$/.exec(lines[1] ?? "")?.[1];
    expect(unescape(value ?? "none")).toBe(reason);
  }));
});
