/** A call that a redirection leads to another phone has media like any other. */
import { expect, test } from "vitest";
import * as Engine from "../support/Engine.ts";
import * as Need from "../support/Need.ts";
import * as Scene from "../support/Scene.ts";
import * as Sip from "../support/SipMessage.ts";

Need.suite("media of a redirected call", [], () => {
  const engine = Engine.forSuite(() => ({}));

  test("both sides are given ports of the relay", async () => {
    const [caller, first, second] = await Promise.all(
      ["1001", "1002", "1003"].map((extension) => Scene.registered(engine(), extension)),
    );
    if (!caller || !first || !second) throw new Error("three phones");
    const dialling = await caller.dial("1002");
    const away = await first.incoming();
    await away.refuse("302 Moved Temporarily", [["Contact", "<sip:1003@demo.test>"]]);
    const incoming = await second.incoming();
    incoming.ring();
    const [there, here] = await Promise.all([incoming.answer(), dialling.answered()]);
    const ports = [there.sdp, here.sdp].map((sdp) => Sip.audioTarget(sdp).port);
    expect(ports.every((port) => port > 0), `${ports}`).toBe(true);
    expect(ports[0]).not.toBe(ports[1]);
    await Scene.hangUp(here, there);
    await Promise.all([caller, first, second].map((phone) => phone.close()));
  });
});
