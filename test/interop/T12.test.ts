/** T12: requests that many products answer without asking who it is. */
import { expect, test } from "vitest";
import * as Directory from "../support/Directory.ts";
import * as Engine from "../support/Engine.ts";
import * as Hostile from "../support/Hostile.ts";
import * as Need from "../support/Need.ts";
import * as RawSip from "../support/RawSip.ts";
import * as Scene from "../support/Scene.ts";
import * as Sip from "../support/SipMessage.ts";

const methods: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  MESSAGE: { "Content-Type": "text/plain" },
  SUBSCRIBE: { Event: "presence", Expires: "60" },
  PUBLISH: { Event: "presence", Expires: "60" },
  NOTIFY: { "Event": "message-summary", "Subscription-State": "active" },
  REFER: { "Refer-To": `<sip:1002@${Directory.domain}>` },
  INFO: { "Content-Type": "application/dtmf-relay" },
  OPTIONS: {},
  INVITE: {},
};

Need.suite("T12 authentication of every method", [], () => {
  const engine = Engine.forSuite(() => ({}));

  test.for(Object.keys(methods))("T12 %s for a user is challenged", async (method) => {
    const callee = await Scene.registered(engine(), "1001");
    const socket = await RawSip.udp({ remote: engine().sip });
    const uri = `sip:1001@${Directory.domain}`;
    const headers = { ...methods[method], From: `<sip:1002@${Directory.domain}>;tag=1` };
    const answer = await Hostile.ask(socket, { method, uri, headers });
    expect(answer.status).toBe(401);
    expect(Sip.all(answer, "www-authenticate")).toHaveLength(1);
    expect(callee.socket.received.filter((message) => message.isRequest)).toEqual([]);
    await Promise.all([socket.close(), callee.close()]);
  });

  test("T12 the same requests with credentials are not challenged again", async () => {
    const phone = await Scene.registered(engine(), "1002");
    for (const [method, headers] of Object.entries(methods)) {
      if (method === "INVITE") continue;
      const uri = `sip:1001@${Directory.domain}`;
      const answer = await phone.request(method, uri, { headers: Object.entries(headers) });
      expect([401, 407], method).not.toContain(answer.status);
    }
    await phone.close();
  });

  test("T12 a good call after them", () => Scene.goodCall(engine()));
});
