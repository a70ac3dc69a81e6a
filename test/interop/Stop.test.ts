/** Stopping, however it comes about: nothing is lost, and no process stays behind for a call. */
import { expect, test } from "vitest";
import * as Engine from "../support/Engine.ts";
import * as Need from "../support/Need.ts";
import * as RawSip from "../support/RawSip.ts";
import * as Scene from "../support/Scene.ts";

const up = async (engine: Engine.Engine): Promise<Scene.Pair> =>
  Scene.connect(await Scene.registered(engine, "1001"), await Scene.registered(engine, "1002"));

Need.suite("stop", [], () => {
  Engine.watch();

  test("SIGTERM right after a call: its CDR and messages are there, without an error", async () => {
    const engine = await Engine.start();
    const pair = await up(engine);
    await Scene.hangUp(pair.caller, pair.callee);
    expect(await engine.stop()).toBe(0);
    expect(engine.output()).not.toMatch(/level=(ERROR|WARN)/);
    const again = await engine.again();
    const [cdr] = await Engine.cdrs(again, 1);
    const shown = await again.call(cdr?.call ?? "") as { messages: ReadonlyArray<unknown> };
    expect(JSON.stringify(shown.messages)).toContain("BYE");
    expect(await again.stop()).toBe(0);
  });

  test("with calls up the end of the launcher ends all; a start that fails ends too", async () => {
    const engine = await Engine.start();
    const pair = await up(engine);
    await engine.kill("launcher");
    const { port } = engine.sip;
    const other = await RawSip.udp({ remote: engine.sip, port });
    const refused = await Engine.refused({ data: engine.data, sipPort: port });
    await other.close();
    expect(refused.code).toBe(1);
    expect(refused.output).toContain("--sip-port");
    expect(refused.output).not.toMatch(/level=(ERROR|WARN)/);
    const again = await engine.again();
    await Scene.hangUp(pair.caller, pair.callee);
    expect(await again.stop()).toBe(0);
  });
});
