import { expect, test } from "vitest";
import type { Flow } from "../../schemas/Sip.ts";
import type { Binding } from "../../schemas/User.ts";
import * as Targets from "../../src/host/Targets.ts";

const flow = (connection: number, other: Partial<Flow> = {}): Flow => ({
  edge: "e1",
  incarnation: "boot",
  transport: "wss",
  connection,
  remote: { ip: "203.0.113.9", port: 40_000 + connection },
  ...other,
});

const binding = (uri: string, over: Flow, since = 0): Binding => ({
  uri,
  key: uri.toLowerCase(),
  instance: null,
  regId: null,
  q: null,
  since,
  expiresAt: 1_000_000,
  path: [],
  flow: over,
  natted: true,
  callId: "r",
  cseq: 1,
  userAgent: "",
});

const gone = flow(1);
const leg = { target: "sip:a@X.invalid;ob", contact: "sip:a@x.invalid" };
const flowOf = (...bindings: ReadonlyArray<Binding>) => Targets.flowOf(bindings, gone, leg);

test("the same contact, wherever it is now", () => {
  const elsewhere = flow(7, { remote: { ip: "198.51.100.1", port: 1 }, transport: "tls" });
  const other = binding("sip:b@y.invalid", flow(8), 99);
  expect(flowOf(other, binding("sip:a@X.invalid", elsewhere))).toEqual(elsewhere);
  expect(flowOf(other, binding("sip:a@X.invalid;ob", elsewhere))).toEqual(elsewhere);
});

test("else the newest from where the leg came, over the same transport", () => {
  const found = flowOf(
    binding("sip:p@1.invalid", flow(5), 10),
    binding("sip:p@2.invalid", flow(6), 20),
    binding("sip:p@3.invalid", flow(7, { transport: "tls" }), 30),
    binding("sip:p@4.invalid", flow(8, { remote: { ip: "198.51.100.1", port: 1 } }), 40),
  );
  expect(found).toEqual(flow(6));
});

test("a phone that is away is waited for, whoever else is at its place", () => {
  const own = binding("sip:a@X.invalid", gone, 50);
  const older = binding("sip:b@y.invalid", flow(5), 10);
  const newer = { ...binding("sip:c@z.invalid", flow(6), 90), userAgent: "another kind" };
  expect(flowOf(own, older, newer)).toBeNull();
});

test("it may come back under another contact, while its old one is still registered", () => {
  const own = { ...binding("sip:a@X.invalid", gone, 50), userAgent: "kind" };
  const again = { ...binding("sip:a@new.invalid", flow(6), 90), userAgent: "kind" };
  expect(flowOf(own, again)).toEqual(flow(6));
});

test("never the flow that is gone; its number after a restart is another one", () => {
  expect(flowOf(binding("sip:a@X.invalid", gone))).toBeNull();
  const restarted = flow(1, { incarnation: "later" });
  expect(flowOf(binding("sip:a@X.invalid", restarted))).toEqual(restarted);
});

test("nothing where nobody is", () => {
  expect(flowOf()).toBeNull();
  const stranger = flow(9, { remote: { ip: "198.51.100.1", port: 1 } });
  expect(flowOf(binding("sip:b@y.invalid", stranger))).toBeNull();
});
