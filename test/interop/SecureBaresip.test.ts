/** A real phone over TLS talks with one over UDP. */
import { join } from "node:path";
import { expect, test } from "vitest";
import * as Baresip from "../support/Baresip.ts";
import { domain } from "../support/Directory.ts";
import * as Engine from "../support/Engine.ts";
import * as Goertzel from "../support/Goertzel.ts";
import * as Need from "../support/Need.ts";
import { until } from "../support/Until.ts";
import * as Wav from "../support/Wav.ts";

const heardMs = 1_000;
const audioMs = 20_000;

/** How long this tone is in what a phone has heard so far. */
const spanMs = (audio: Wav.Audio | undefined, hz: number): number =>
  audio === undefined ? 0 : Goertzel.tone(audio.samples, audio.rate, hz).spanMs;

Need.suite("baresip over TLS", ["baresip"], () => {
  const engine = Engine.forSuite(() => ({}));

  test("it registers, calls and is called, and both hear each other", async () => {
    const [secure, plain] = await Promise.all([
      Baresip.start({
        extension: "1001",
        toneHz: 440,
        engine: engine().tls,
        transport: "tls",
        ca: join(engine().data, "tls/certificate.pem"),
      }),
      Baresip.start({ extension: "1002", toneHz: 880, engine: engine().sip }),
    ]);
    await Promise.all([secure.registered(), plain.registered()]);
    for (const [caller, callee] of [[secure, plain], [plain, secure]] as const) {
      await caller.dial(`sip:${callee === plain ? "1002" : "1001"}@${domain}`);
      await callee.event("CALL_INCOMING");
      await callee.answer();
      await Promise.all([caller.event("CALL_ESTABLISHED"), callee.event("CALL_ESTABLISHED")]);
      const hears = () =>
        spanMs(secure.heard().at(-1), 880) > heardMs && spanMs(plain.heard().at(-1), 440) > heardMs;
      await until("each other's tone", hears, audioMs, { pollMs: 500 });
      await caller.hangUp();
      await Promise.all([caller.event("CALL_CLOSED"), callee.event("CALL_CLOSED")]);
      await Engine.idle(engine());
    }
    const cdrs = await Engine.cdrs(engine(), 2);
    expect(cdrs.map(({ status }) => status)).toEqual([200, 200]);
    await Promise.all([secure.stop(), plain.stop()]);
  });
});
