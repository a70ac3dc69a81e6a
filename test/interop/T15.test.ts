/** T15: names with characters that do not print are other names. */
import { expect, test } from "vitest";
import * as Directory from "../support/Directory.ts";
import * as Engine from "../support/Engine.ts";
import * as Hostile from "../support/Hostile.ts";
import * as Need from "../support/Need.ts";
import * as Scene from "../support/Scene.ts";

const uri = `sip:1001@${Directory.domain}`;
const aor = `<${uri}>`;

const names = ["To\x01", "To\x00", "\x01To", "T\x7fo", "To\xa0", "To\x0b", "To\x1f "];

Need.suite("T15 header names", [], () => {
  const engine = Engine.forSuite(() => ({}));

  test.for(names)("T15 %j is no To header", async (name) => {
    const callee = await Scene.registered(engine(), "1001");
    const outcome = await Hostile.send(engine(), "udp", (socket) =>
      Hostile.build(socket, {
        method: "INVITE",
        uri,
        headers: { To: undefined, [name]: `${aor};tag=inside` },
      }).text);
    Hostile.expectRefused(outcome, name);
    expect(outcome.status).not.toBe(481);
    expect(callee.socket.received.filter((message) => message.isRequest)).toEqual([]);
    await callee.close();
  });

  test.for(names)("T15 %j with a tag beside a To is no way into a dialog", async (name) => {
    const outcome = await Hostile.send(engine(), "udp", (socket) =>
      Hostile.build(socket, {
        method: "INVITE",
        uri,
        headers: { [name]: `${aor};tag=inside` },
      }).text);
    expect([undefined, 400, 401]).toContain(outcome.status);
  });

  test.for(["INVITE", "BYE", "OPTIONS", "INFO", "REFER"])(
    "T15 %s with a To tag that is not ours gets nothing but 481, or a challenge",
    async (method) => {
      const callee = await Scene.registered(engine(), "1001");
      const outcome = await Hostile.send(
        engine(),
        "udp",
        (socket) =>
          Hostile.build(socket, { method, uri, headers: { To: `${aor};tag=invented` } }).text,
      );
      expect([481, 401]).toContain(outcome.status);
      expect(callee.socket.received.filter((message) => message.isRequest)).toEqual([]);
      await callee.close();
    },
  );

  test("T15 a good call after them", () => Scene.goodCall(engine()));
});
