/** The project's own malformed messages: refused with the cause, and answered when that is due. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as Parser from "../../src/sip/Parser.ts";
import * as Reply from "../../src/sip/Reply.ts";
import * as Text from "../../src/kernel/Text.ts";

interface Case {
  readonly file: string;
  readonly status: number;
  readonly cause: string;
  readonly reply: boolean;
}

const folder = new URL("../corpus/sip/", import.meta.url);
const { cases }: { cases: ReadonlyArray<Case> } = JSON.parse(
  readFileSync(new URL("expected.json", folder), "utf8"),
);

test("every file has its expectation", () => {
  const files = readdirSync(folder).filter((file) => file.endsWith(".dat"));
  expect(files.sort()).toEqual(cases.map(({ file }) => file).sort());
});

for (const { cause, file, reply, status } of cases) {
  test(`${file}: ${status}, ${cause}`, () => {
    const parsed = Parser.parse(readFileSync(new URL(file, folder)));
    if (parsed.kind !== "malformed") throw new Error("accepted");
    expect(parsed.status).toBe(status);
    expect(parsed.reason).toContain(cause);
    expect(parsed.reply !== undefined).toBe(reply);
    if (parsed.reply === undefined) return;
    const answer = Reply.print(parsed.reply, { status, toTag: "t" });
    // The answer must not repeat what made the request unreadable as a header of its own.
    expect(answer).not.toMatch(/internal/i);
    const via = Parser.parse(Text.toBytes(answer));
    expect(via.kind === "response" || via.kind === "malformed").toBe(true);
  });
}
