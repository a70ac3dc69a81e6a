/** Starting, and every way in which it must be refused: the cause is named, and what to do. */
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createServer } from "node:net";
import { expect, test } from "vitest";
import * as Directory from "../support/Directory.ts";
import * as Engine from "../support/Engine.ts";
import * as Folders from "../support/Folders.ts";
import { isDatabase } from "../support/Names.ts";
import * as Need from "../support/Need.ts";
import * as Ports from "../support/Ports.ts";
import * as RawSip from "../support/RawSip.ts";
import * as Scene from "../support/Scene.ts";

const taken = (): void => {
  test("a second start on the same data folder is refused, the first goes on", async () => {
    const engine = await Engine.start();
    const second = await Engine.refused({ data: engine.data });
    expect(second.code).not.toBe(0);
    expect(second.output).toContain(engine.data);
    expect(second.output).toContain("--data");
    Engine.isReadable(second);
    await Scene.goodCall(engine);
    expect(await engine.stop()).toBe(0);
  });

  test("a SIP port that is taken for UDP is named, with its flag", async () => {
    const port = await Ports.free();
    const other = await RawSip.udp({ remote: { ip: "127.0.0.1", port: 9 }, port });
    const refused = await Engine.refused({ sipPort: port });
    await other.close();
    expect(refused.code).not.toBe(0);
    expect(refused.output).toContain(String(port));
    expect(refused.output).toContain("--sip-port");
    Engine.isReadable(refused);
  });

  const tcpPorts = {
    "--sip-port": "sipPort",
    "--tls-port": "tlsPort",
    "--wss-port": "wssPort",
    "--https-port": "httpsPort",
  } as const;

  test.for(Object.keys(tcpPorts) as ReadonlyArray<keyof typeof tcpPorts>)(
    "a TCP port of %s that is taken is named, with its flag",
    async (flag) => {
      const port = await Ports.free();
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
      const refused = await Engine.refused({ [tcpPorts[flag]]: port });
      await new Promise((resolve) => server.close(resolve));
      expect(refused.code).not.toBe(0);
      expect(refused.output).toContain(String(port));
      expect(refused.output).toContain(flag);
      Engine.isReadable(refused);
    },
  );
};

const dataFolder = (): void => {
  test("a corrupt data folder is named, and nothing in it is touched", async () => {
    const engine = await Engine.start();
    await Scene.goodCall(engine);
    await engine.stop();
    const databases = readdirSync(engine.data, { recursive: true, encoding: "utf8" })
      .filter(isDatabase)
      .map((file) => join(engine.data, file));
    expect(databases.length).toBeGreaterThan(0);
    for (const file of databases) writeFileSync(file, "x".repeat(statSync(file).size));
    const refused = await Engine.refused({ data: engine.data });
    expect(refused.code).not.toBe(0);
    expect(refused.output).toContain(engine.data);
    expect(refused.output).toMatch(/corrupt|not a database|malformed|damaged/i);
    Engine.isReadable(refused);
    for (const file of databases) expect(statSync(file).size).toBeGreaterThan(0);
  });

  test("a data folder that is a file is named", async () => {
    const data = join(Folders.make("data"), "file");
    writeFileSync(data, "");
    const refused = await Engine.refused({ data });
    expect(refused.code).not.toBe(0);
    expect(refused.output).toContain(data);
    Engine.isReadable(refused);
  });

  test("keys are readable for their owner alone", async () => {
    const engine = await Engine.start();
    const files = readdirSync(engine.data, { recursive: true, encoding: "utf8" })
      .map((file) => join(engine.data, file))
      .filter((file) => statSync(file).isFile());
    const keys = files.filter((file) => /key/i.test(file.slice(engine.data.length)));
    expect(keys.length).toBeGreaterThan(0);
    for (const file of keys) expect((statSync(file).mode & 0o777).toString(8), file).toBe("600");
    await engine.stop();
  });

  test("plain media and signalling are in the log from the start", async () => {
    const engine = await Engine.start();
    for (const exception of Directory.plain) expect(engine.output()).toContain(exception);
    await engine.stop();
  });
};

Need.suite("start", [], () => {
  Engine.watch();
  taken();
  dataFolder();
});
