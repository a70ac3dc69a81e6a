/** A full port pool: a clear refusal, and nothing of the other calls lost. */
import { expect, test } from "vitest";
import * as Engine from "../support/Engine.ts";
import {
  causes,
  endedCalls,
  refusedRequests,
  refusedReservations,
  rtpPorts,
} from "../support/Names.ts";
import * as Need from "../support/Need.ts";
import * as Ports from "../support/Ports.ts";
import * as Scene from "../support/Scene.ts";
import * as Sip from "../support/SipMessage.ts";

Need.suite("full port pool", [], () => {
  const engine = Engine.forSuite(async () => {
    // Two legs, each with an RTP and an RTCP port: one call.
    const first = await Ports.free("127.0.0.1", 4);
    return { env: { [rtpPorts]: `${first}-${first + 3}` } };
  });

  test("503 with Retry-After, the calls that are up stay, a freed port serves again", async () => {
    const phones = await Promise.all(
      ["1001", "1002", "1003", "1004"].map((extension) => Scene.registered(engine(), extension)),
    );
    const [one, two, three, four] = phones;
    if (!one || !two || !three || !four) throw new Error("four phones");
    const up = await Scene.connect(one, two);
    const refusal = await (await three.dial("1004")).refused();
    expect(refusal.status).toBe(503);
    expect(Number(Sip.header(refusal, "retry-after"))).toBeGreaterThan(0);
    await Scene.hangUp(up.caller, up.callee);
    await Engine.idle(engine());
    const after = await Scene.connect(three, four);
    await Scene.hangUp(after.caller, after.callee);
    const cdrs = await Engine.cdrs(engine(), 3);
    expect(cdrs.filter((cdr) => cdr.cause === causes.noMedia)).toHaveLength(1);
    const refused = { by: "call", status: "503" };
    expect(await engine().counted(refusedRequests, refused)).toBe(1);
    expect(await engine().counted(refusedReservations, { reason: "exhausted" })).toBe(1);
    expect(await engine().counted(endedCalls, { cause: causes.noMedia, by: "engine" })).toBe(1);
    expect(await engine().counted(endedCalls)).toBe(3);
    await Promise.all(phones.map((phone) => phone.close()));
  });
});
