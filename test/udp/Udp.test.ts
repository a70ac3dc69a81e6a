/** Both UDP adapters behave alike on real sockets. */
import { Effect } from "effect";
import { describe, expect, onTestFinished, test } from "vitest";
import * as DenoUdp from "../../src/udp/Deno.ts";
import type * as Udp from "../../src/udp/Udp.ts";
import * as NodeUdp from "../../src/udp/Node.ts";
import { until } from "../support/Until.ts";

interface Heard {
  readonly text: string;
  readonly ip: string;
  readonly port: number;
}

const open = async (
  io: Udp.Udp,
  ip: string,
  options: Partial<Udp.BindOptions> = {},
) => {
  const heard: Array<Heard> = [];
  const failures: Array<Udp.Failure> = [];
  const socket = await Effect.runPromise(io.bind({
    ip,
    port: 0,
    maxOctets: 100,
    receive: (bytes, length, from, port) => {
      heard.push({ text: new TextDecoder().decode(bytes.subarray(0, length)), ip: from, port });
    },
    failed: (failure) => failures.push(failure),
    ...options,
  }));
  onTestFinished(() => socket.close());
  const send = (text: string, to: { readonly ip: string; readonly port: number }) => {
    const bytes = new TextEncoder().encode(text);
    socket.send(bytes, bytes.length, to.ip, to.port);
  };
  return { ip, port: socket.port, heard, failures, socket, send };
};

const heardBy = (one: { readonly heard: ReadonlyArray<Heard> }, count: number) =>
  until(`${count} datagrams`, () => one.heard.length >= count, 5_000);

const adapters = [["Deno", DenoUdp.make], ["Node", NodeUdp.make]] as const;

describe.each(adapters)("%s", (_, make) => {
  test("datagrams arrive whole, in order, with their source", async () => {
    const io = make();
    const [a, b] = [await open(io, "127.0.0.2"), await open(io, "127.0.0.3")];
    for (const [index, text] of ["one", "", "three"].entries()) {
      a.send(text, b);
      await heardBy(b, index + 1);
    }
    expect(b.heard).toEqual(["one", "", "three"].map((text) => ({ text, ip: a.ip, port: a.port })));
  });

  test("only the first octets of an array are sent", async () => {
    const io = make();
    const [a, b] = [await open(io, "127.0.0.2"), await open(io, "127.0.0.3")];
    a.socket.send(new TextEncoder().encode("onetwo"), 3, b.ip, b.port);
    await heardBy(b, 1);
    expect(b.heard[0]?.text).toBe("one");
  });

  test("a datagram is sent on from the receive call, its octets changed", async () => {
    const io = make();
    const [a, c] = [await open(io, "127.0.0.2"), await open(io, "127.0.0.4")];
    const b = await open(io, "127.0.0.3", {
      receive: (bytes, length) => {
        bytes[0] = 88;
        b.socket.send(bytes, length, c.ip, c.port);
      },
    });
    const texts = Array.from({ length: 50 }, (_, index) => `.${index}`);
    // All at once: no datagram may be received into octets that are still to be sent.
    for (const text of texts) a.send(text, b);
    await heardBy(c, texts.length);
    const expected = texts.map((text) => `X${text.slice(1)}`);
    expect(c.heard.map(({ text }) => text).sort()).toEqual(expected.sort());
  });

  test("an oversize datagram is reported, not received", async () => {
    const io = make();
    const [a, b] = [await open(io, "127.0.0.2"), await open(io, "127.0.0.3")];
    a.send("x".repeat(101), b);
    await until("the failure", () => b.failures.length === 1, 5_000);
    a.send("y".repeat(100), b);
    await heardBy(b, 1);
    expect(b.heard[0]?.text).toBe("y".repeat(100));
    expect(b.failures).toEqual(["oversize"]);
  });

  test("a port in use or an address elsewhere is a failure with its reason", async () => {
    const io = make();
    const a = await open(io, "127.0.0.2");
    const bind = (ip: string, port: number) =>
      Effect.runPromise(Effect.flip(io.bind({
        ip,
        port,
        maxOctets: 10,
        receive: () => {},
        failed: () => {},
      })));
    expect(await bind(a.ip, a.port)).toMatchObject({ reason: "inUse", port: a.port });
    expect(await bind("203.0.113.1", 0)).toMatchObject({ reason: "unavailable" });
  });

  test("a closed port is free again; closing twice and sending then are harmless", async () => {
    const io = make();
    const a = await open(io, "127.0.0.2");
    a.socket.close();
    a.socket.close();
    a.send("late", a);
    // Deno frees it once the pending receive has ended.
    const again = await until(
      "the port",
      () => open(io, a.ip, { port: a.port }).catch(() => false as const),
      5_000,
    );
    again.send("self", again);
    await heardBy(again, 1);
    expect([again.heard[0]?.text, a.heard, a.failures]).toEqual(["self", [], []]);
  });

  test("a datagram that cannot be sent is reported, and the socket works on", async () => {
    const io = make();
    const a = await open(io, "127.0.0.2");
    a.send("nobody is ever at port 0", { ip: "127.0.0.3", port: 0 });
    await until("the failure", () => a.failures.length === 1, 5_000);
    a.send("self", a);
    await heardBy(a, 1);
    expect(a.failures).toEqual(["send"]);
  });
});
