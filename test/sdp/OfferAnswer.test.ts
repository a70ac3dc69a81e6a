import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as OfferAnswer from "../../src/sdp/OfferAnswer.ts";

type Short = readonly [OfferAnswer.Side, OfferAnswer.Message, string?];

const messages = [
  "Invite",
  "Provisional",
  "ReliableProvisional",
  "Success",
  "Failure",
  "Ack",
  "Prack",
  "PrackSuccess",
  "PrackFailure",
  "Update",
  "UpdateSuccess",
  "UpdateFailure",
] as const;

/** State and outputs of the last message, after all of them. */
const run = (...inputs: ReadonlyArray<Short>) => {
  let state = OfferAnswer.initial;
  let outputs: ReadonlyArray<OfferAnswer.Output> = [];
  for (const [from, message, body = null] of inputs) {
    [state, outputs] = OfferAnswer.step(state, { from, message, body });
  }
  return { state, outputs };
};

const agreed = (local: string | null, remote: string | null): OfferAnswer.State => ({
  invite: null,
  offer: null,
  local,
  remote,
});

/** A dialog with descriptions L and R in force. */
const established: ReadonlyArray<Short> = [["us", "Invite", "L"], ["peer", "Success", "R"]];

describe("the places of offer and answer (RFC 6337 table 1)", () => {
  test.each<[string, ReadonlyArray<Short>]>([
    ["INVITE, 2xx", [["us", "Invite", "L"], ["peer", "Success", "R"]]],
    ["INVITE, reliable 1xx", [
      ["us", "Invite", "L"],
      ["peer", "ReliableProvisional", "R"],
      ["us", "Prack"],
      ["peer", "PrackSuccess"],
      ["peer", "Success"],
    ]],
    ["2xx, ACK", [["us", "Invite"], ["peer", "Success", "R"], ["us", "Ack", "L"]]],
    ["reliable 1xx, PRACK", [
      ["us", "Invite"],
      ["peer", "ReliableProvisional", "R"],
      ["us", "Prack", "L"],
      ["peer", "PrackSuccess"],
      ["peer", "Success", "R"],
      ["us", "Ack"],
    ]],
    ["PRACK, 2xx to PRACK", [
      ["us", "Invite", "1"],
      ["peer", "ReliableProvisional", "2"],
      ["us", "Prack", "L"],
      ["peer", "PrackSuccess", "R"],
      ["peer", "Success", "2"],
    ]],
    ["UPDATE, 2xx to UPDATE", [
      ["us", "Invite", "1"],
      ["peer", "ReliableProvisional", "2"],
      ["us", "Prack"],
      ["peer", "Update", "R"],
      ["us", "UpdateSuccess", "L"],
      ["peer", "Success"],
    ]],
    ["UPDATE in a confirmed dialog", [
      ...established,
      ["us", "Update", "L"],
      ["peer", "UpdateSuccess", "R"],
    ]],
  ])("%s", (_, inputs) => {
    expect(run(...inputs).state).toEqual(agreed("L", "R"));
    // The same seen from the other end.
    const mirrored = inputs.map((
      [from, ...rest],
    ): Short => [from === "us" ? "peer" : "us", ...rest]);
    expect(run(...mirrored).state).toEqual(agreed("R", "L"));
  });
});

describe("a provisional answer", () => {
  const preview: ReadonlyArray<Short> = [["us", "Invite", "L"], ["peer", "Provisional", "R"]];
  test("is a preview while it is unreliable: no new offer yet", () => {
    const { state, outputs } = run(...preview);
    expect(outputs).toEqual([{ _tag: "Answered", by: "peer", body: "R", settled: false }]);
    expect(state).toMatchObject({ local: "L", remote: "R", offer: { by: "us" } });
    expect(run(...preview, ["us", "Update", "N"]).outputs[0]?._tag).toBe("Forbidden");
  });
  test.each<[string | undefined]>([["R"], [undefined]])("settles by a 2xx with %s", (body) => {
    const last: Short = body === undefined ? ["peer", "Success"] : ["peer", "Success", body];
    const { state, outputs } = run(...preview, last);
    expect(outputs).toEqual([{ _tag: "AnswerRepeated", by: "peer", settled: true }]);
    expect(state).toEqual(agreed("L", "R"));
  });
  test("counts, when the final one differs (RFC 3261 section 13.2.1)", () => {
    const { state, outputs } = run(...preview, ["peer", "Success", "X"]);
    expect(outputs).toMatchObject([{ _tag: "Ignored", body: "X" }]);
    expect(state).toEqual(agreed("L", "R"));
  });
  test("repeated in a second provisional is no change", () => {
    expect(run(...preview, ["peer", "Provisional", "R"]).outputs)
      .toEqual([{ _tag: "AnswerRepeated", by: "peer", settled: false }]);
  });
  test("must be repeated by us as it was", () => {
    const ours: ReadonlyArray<Short> = [["peer", "Invite", "R"], ["us", "Provisional", "L"]];
    const before = run(...ours).state;
    const { state, outputs } = run(...ours, ["us", "Success", "X"]);
    expect(outputs).toMatchObject([{ _tag: "Forbidden" }]);
    expect(state).toEqual(before);
    expect(run(...ours, ["us", "Success", "L"]).state).toEqual(agreed("L", "R"));
  });
  test("falls with the INVITE", () => {
    const { state, outputs } = run(...preview, ["peer", "Failure"]);
    expect(outputs).toEqual([{ _tag: "OfferRefused", by: "us" }]);
    expect(state).toEqual(OfferAnswer.initial);
  });
});

describe("an offer refused leaves what was agreed", () => {
  test.each<[OfferAnswer.Message, OfferAnswer.Message]>([
    ["Invite", "Failure"],
    ["Update", "UpdateFailure"],
  ])("%s, %s", (request, failure) => {
    for (const [by, to] of [["us", "peer"], ["peer", "us"]] as const) {
      const { state, outputs } = run(...established, [by, request, "N"], [to, failure]);
      expect(outputs).toEqual([{ _tag: "OfferRefused", by }]);
      expect(state).toEqual(agreed("L", "R"));
    }
  });
  test("in PRACK", () => {
    const { state, outputs } = run(
      ["us", "Invite", "L"],
      ["peer", "ReliableProvisional", "R"],
      ["us", "Prack", "N"],
      ["peer", "PrackFailure"],
    );
    expect(outputs).toEqual([{ _tag: "OfferRefused", by: "us" }]);
    expect(state).toMatchObject({ offer: null, local: "L", remote: "R" });
  });
  test("a re-INVITE that fails after its answer returns to what was before", () => {
    const { state } = run(
      ...established,
      ["us", "Invite", "N"],
      ["peer", "ReliableProvisional", "M"],
      ["peer", "Failure"],
    );
    expect(state).toEqual(agreed("L", "R"));
  });
});

describe("glare", () => {
  test.each<[ReadonlyArray<Short>, Short, number]>([
    [[["us", "Invite", "N"]], ["peer", "Invite", "M"], 491],
    [[["us", "Invite", "N"]], ["peer", "Invite"], 491],
    [[["us", "Invite"]], ["peer", "Update", "M"], 491],
    [[["us", "Invite", "N"]], ["peer", "Update", "M"], 491],
    [[["us", "Update", "N"]], ["peer", "Update", "M"], 491],
    [[["us", "Update", "N"]], ["peer", "Invite", "M"], 491],
    [[["peer", "Invite", "N"]], ["peer", "Invite", "M"], 500],
    [[["peer", "Invite", "N"]], ["peer", "Update", "M"], 500],
    [[["peer", "Update", "N"]], ["peer", "Update", "M"], 500],
    [[["peer", "Invite"]], ["peer", "Update", "M"], 500],
  ])("%j then %j: %i", (first, second, status) => {
    const before = run(...established, ...first).state;
    const { state, outputs } = run(...established, ...first, second);
    expect(outputs).toMatchObject([{ _tag: "Refused", status }]);
    expect(state).toEqual(before);
  });
  test("our own second offer is forbidden", () => {
    for (const message of ["Invite", "Update"] as const) {
      for (const by of ["us", "peer"] as const) {
        const { outputs } = run(...established, [by, "Update", "N"], ["us", message, "M"]);
        expect(outputs).toMatchObject([{ _tag: "Forbidden" }]);
      }
    }
  });
  test("an UPDATE without a body is always allowed", () => {
    expect(run(...established, ["us", "Invite", "N"], ["peer", "Update"]).outputs).toEqual([]);
  });
});

describe("what is owed and missing", () => {
  test.each<[ReadonlyArray<Short>, Short]>([
    [[["us", "Invite", "L"]], ["peer", "Success"]],
    [[["us", "Invite"]], ["peer", "Success"]],
    [[["us", "Invite"]], ["peer", "ReliableProvisional"]],
    [[["peer", "Invite"], ["us", "Success", "L"]], ["peer", "Ack"]],
    [[["us", "Update", "L"]], ["peer", "UpdateSuccess"]],
  ])("%j then %j is a violation of the peer, forbidden to us", (before, last) => {
    expect(run(...before, last).outputs[0]?._tag).toBe("Violation");
    const turned = [...before, last]
      .map(([from, ...rest]): Short => [from === "us" ? "peer" : "us", ...rest]);
    const first = run(...turned.slice(0, -1)).state;
    expect(run(...turned)).toMatchObject({ state: first, outputs: [{ _tag: "Forbidden" }] });
  });
  test("a PRACK without the answer gets 400 and still owes it", () => {
    const ringing: ReadonlyArray<Short> = [["peer", "Invite"], ["us", "ReliableProvisional", "L"]];
    expect(run(...ringing, ["peer", "Prack"]).outputs).toMatchObject([
      { _tag: "Refused", status: 400 },
    ]);
    expect(run(...ringing, ["peer", "Prack"], ["peer", "Prack", "R"], ["us", "Success"]).state)
      .toEqual(agreed("L", "R"));
  });
  test("our 2xx waits for the PRACK that answers", () => {
    expect(run(["peer", "Invite"], ["us", "ReliableProvisional", "L"], ["us", "Success"]).outputs)
      .toMatchObject([{ _tag: "Forbidden" }]);
  });
});

test("responses without an INVITE are ignored from the peer, forbidden to us", () => {
  for (const message of ["Provisional", "ReliableProvisional", "Success"] as const) {
    expect(run(...established, ["peer", message, "X"])).toMatchObject({
      state: agreed("L", "R"),
      outputs: [{ _tag: "Ignored", body: "X" }],
    });
    expect(run(...established, ["us", message, "X"]).outputs).toMatchObject([
      { _tag: "Forbidden" },
    ]);
  }
});

const input: fc.Arbitrary<OfferAnswer.Input> = fc.record({
  from: fc.constantFrom("us" as const, "peer" as const),
  message: fc.constantFrom(...messages),
  body: fc.option(fc.constantFrom("a", "b", "c")),
});

test("the machine is total, serialisable, and what it refuses changes nothing", () => {
  fc.assert(
    fc.property(fc.array(input, { maxLength: 30 }), (inputs) => {
      let state = OfferAnswer.initial;
      for (const one of inputs) {
        const [next, outputs] = OfferAnswer.step(state, one);
        expect(JSON.parse(JSON.stringify(next))).toEqual(next);
        expect(OfferAnswer.step(JSON.parse(JSON.stringify(state)), one)).toEqual([next, outputs]);
        const tags = outputs.map(({ _tag }) => _tag);
        if (tags.includes("Forbidden") || tags.includes("Refused")) expect(next).toEqual(state);
        if (tags.includes("Forbidden")) expect(one.from).toBe("us");
        if (tags.includes("Refused") || tags.includes("Violation")) expect(one.from).toBe("peer");
        if (tags.includes("OfferRefused")) expect(next.offer).toBeNull();
        // Both sides' descriptions come into force together.
        expect(next.local === null).toBe(next.remote === null);
        // An offer in INVITE or in its responses lives only within that INVITE.
        const carrier = next.offer?.carrier;
        if (carrier === "Invite" || carrier === "Success") expect(next.invite).not.toBeNull();
        state = next;
      }
    }),
    { numRuns: 2_000 },
  );
});

test("the other end of a dialog sees the same exchange", () => {
  const flip = (side: OfferAnswer.Side): OfferAnswer.Side => side === "us" ? "peer" : "us";
  let agreements = 0;
  fc.assert(
    fc.property(fc.array(input, { maxLength: 30 }), (inputs) => {
      let ours = OfferAnswer.initial;
      let theirs = OfferAnswer.initial;
      for (const one of inputs) {
        const sender = one.from === "us" ? ours : theirs;
        const [sent, before] = OfferAnswer.step(sender, { ...one, from: "us" });
        if (before.some(({ _tag }) => _tag === "Forbidden")) continue;
        const receiver = one.from === "us" ? theirs : ours;
        const [received, outputs] = OfferAnswer.step(receiver, { ...one, from: "peer" });
        // What we may send, the peer has no reason to refuse.
        expect(outputs.filter(({ _tag }) => ["Refused", "Violation", "Ignored"].includes(_tag)))
          .toEqual([]);
        [ours, theirs] = one.from === "us" ? [sent, received] : [received, sent];
        expect(theirs.local).toBe(ours.remote);
        expect(theirs.remote).toBe(ours.local);
        expect(theirs.offer && { ...theirs.offer, by: flip(theirs.offer.by) }).toEqual(ours.offer);
        if (ours.local !== null) agreements++;
      }
    }),
    { numRuns: 2_000 },
  );
  expect(agreements).toBeGreaterThan(100);
});
