/** T14: internal headers in disguise never reach the other side. */
import { expect, test } from "vitest";
import * as Engine from "../support/Engine.ts";
import * as Need from "../support/Need.ts";
import type * as Phone from "../support/Phone.ts";
import * as Scene from "../support/Scene.ts";
import * as Sip from "../support/SipMessage.ts";

/** Stands in every disguised value, and nowhere else. */
const canary = "canary7d1f";

const disguises: Readonly<Record<string, ReadonlyArray<string>>> = {
  "plain": [`X-Internal: ${canary}`],
  "space before the colon": [`X-Internal : ${canary}`],
  "tab before the colon": [`X-Internal\t: ${canary}`],
  "folded value": [`X-Internal:\r\n ${canary}`],
  "odd case": [`x-InTeRnAl: ${canary}`],
  "twice": [`X-Internal: ${canary}`, `X-Internal: ${canary}`],
  "our own name": [`X-Tandem-Tenant: ${canary}`, `X-Tandem-Leg : ${canary}`],
  "asserted identity": [`P-Asserted-Identity: <sip:${canary}@demo.test>`],
  "preferred identity": [`P-Preferred-Identity: <sip:${canary}@demo.test>`],
  "remote party": [`Remote-Party-ID: <sip:${canary}@demo.test>;party=calling`],
  "charging": [`P-Charging-Vector: icid-value=${canary}`],
};

Need.suite("T14 header smuggling", [], () => {
  const engine = Engine.forSuite(() => ({}));

  /** Dials with these header lines; what the callee got, or the caller's refusal. */
  const dial = async (lines: ReadonlyArray<string>) => {
    const caller = await Scene.registered(engine(), "1001");
    const callee = await Scene.registered(engine(), "1002");
    const headers: Sip.Headers = lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, "")];
    });
    const dialling = await caller.dial("1002", { headers });
    const first = await Promise.race([
      callee.incoming().then((incoming) => ({ incoming })),
      dialling.response(300, 699).then((refusal) => ({ refusal })),
    ]);
    if ("incoming" in first) await hangUp(dialling, first.incoming);
    const { received } = callee.socket;
    const seen = received.map(({ text }) => text).join("\n");
    const smuggled = received.flatMap((message) => Sip.all(message, "x-internal"));
    await Promise.all([caller.register(0), callee.register(0)]);
    await Promise.all([caller.close(), callee.close()]);
    return { first, seen, smuggled };
  };

  const hangUp = async (dialling: Phone.Dialling, incoming: Phone.Incoming) => {
    const [there, here] = await Promise.all([incoming.answer(), dialling.answered()]);
    await Scene.hangUp(here, there);
  };

  test.for(Object.keys(disguises))("T14 %s", async (disguise) => {
    const { first, seen } = await dial(disguises[disguise] ?? []);
    expect(seen).not.toContain(canary);
    if ("refusal" in first) expect(first.refusal.status).toBe(400);
  });

  test("T14 folded into another header it is no header of its own", async () => {
    const { smuggled } = await dial([`Subject: x\r\n X-Internal: ${canary}`]);
    expect(smuggled).toEqual([]);
  });

  test("T14 the check sees what is let through", async () => {
    const { seen } = await dial([`Alert-Info: <http://${canary}.example/ring>`]);
    expect(seen).toContain(canary);
  });

  test("T14 escaped headers in a Contact stay where they are", async () => {
    const caller = await Scene.registered(engine(), "1001");
    const contact = `<sip:1002@127.0.0.1?X-Internal=${canary}&Route=%3Csip:evil.test%3E>`;
    const callee = await Scene.phone(engine(), "1002");
    const { ip, port } = callee.socket.local;
    const own = contact.replace("127.0.0.1", `${ip}:${port}`);
    const answer = await callee.request("REGISTER", "sip:demo.test", {
      headers: [["Contact", own], ["Expires", "60"]],
    });
    if (answer.status === 200) {
      const dialling = await caller.dial("1002");
      const incoming = await callee.incoming();
      expect(Sip.all(incoming.invite, "x-internal")).toEqual([]);
      expect(Sip.all(incoming.invite, "route")).toEqual([]);
      expect(incoming.invite.start).not.toContain("?");
      await hangUp(dialling, incoming);
    } else {
      expect(answer.status).toBe(400);
    }
    await Promise.all([caller.close(), callee.close()]);
  });

  test("T14 a good call after them", () => Scene.goodCall(engine(), ["1003", "1004"]));
});
