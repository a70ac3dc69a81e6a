import { describe, expect, test } from "vitest";
import * as Dialog from "../../src/sip/Dialog.ts";
import { invite, ok, request, response } from "./samples.ts";

const routes = ["Record-Route: <sip:p2;lr>, <sip:p1;lr>", "Record-Route: <sip:p0;lr>"];

test("ids: what is local is in To of a request, in From of a response", () => {
  expect(Dialog.idOfRequest(request(invite({ To: "<sip:b@c>;tag=t1" })))).toEqual({
    callId: "c1@192.0.2.1",
    localTag: "t1",
    remoteTag: "f1",
  });
  expect(Dialog.idOfResponse(response(ok()))).toEqual({
    callId: "c1@192.0.2.1",
    localTag: "f1",
    remoteTag: "t1",
  });
  expect(Dialog.idOfRequest(request(invite())).localTag).toBe("");
});

test("route set: in order for the UAS, reversed for the UAC", () => {
  const uas = Dialog.routeSet(request(invite({}, routes)));
  expect(uas).toEqual(["sip:p2;lr", "sip:p1;lr", "sip:p0;lr"]);
  const answer = invite({ To: "<sip:b@c>;tag=t1" }, routes).replace(/^[^\r]*/, "SIP/2.0 200 OK");
  expect(Dialog.routeSet(response(answer))).toEqual(["sip:p0;lr", "sip:p1;lr", "sip:p2;lr"]);
  expect(Dialog.routeSet(request(invite()))).toEqual([]);
  expect(Dialog.routeSet(request(invite({ "Record-Route": "sip:p;lr" })))).toBeUndefined();
});

test("remote target: the one Contact, without what could be slipped in", () => {
  expect(Dialog.remoteTarget(request(invite()))).toBe("sip:ann@192.0.2.1:5062");
  const evil = "<sip:a@b;x;method=BYE?Route=%3Csip:c%3E>";
  expect(Dialog.remoteTarget(request(invite({ Contact: evil })))).toBe("sip:a@b;x");
  expect(Dialog.remoteTarget(request(invite({ Contact: "<sip:a@b:0>" })))).toBeUndefined();
  expect(Dialog.remoteTarget(request(invite({ Contact: undefined })))).toBeUndefined();
});

test("target refresh", () => {
  expect(["INVITE", "UPDATE", "NOTIFY"].map(Dialog.refreshesTarget)).toEqual([true, true, true]);
  expect(["BYE", "ACK", "INFO", "PRACK"].some(Dialog.refreshesTarget)).toBe(false);
});

test("secure: sips over TLS", () => {
  expect(Dialog.secure("SIPS:a@b", true)).toBe(true);
  expect(Dialog.secure("sips:a@b", false)).toBe(false);
  expect(Dialog.secure("sip:a@b", true)).toBe(false);
});

test("CSeq: only upwards, but for ACK and CANCEL (section 12.2.2)", () => {
  const numbered = (cseq: string) => request(invite({ CSeq: cseq }));
  expect(Dialog.inOrder(undefined, numbered("0 INVITE"))).toBe(true);
  expect(Dialog.inOrder(7, numbered("8 INVITE"))).toBe(true);
  expect(Dialog.inOrder(7, numbered("900 BYE"))).toBe(true);
  expect(Dialog.inOrder(7, numbered("7 INVITE"))).toBe(false);
  expect(Dialog.inOrder(7, numbered("6 BYE"))).toBe(false);
  expect(Dialog.inOrder(7, numbered("7 ACK"))).toBe(true);
  expect(Dialog.inOrder(7, numbered("7 CANCEL"))).toBe(true);
});

describe("the way of a request (section 12.2.1.1)", () => {
  test("without routes", () => {
    expect(Dialog.path([], "sip:b@c")).toEqual({
      requestUri: "sip:b@c",
      routes: [],
      nextHop: "sip:b@c",
    });
  });
  test("loose routing", () => {
    expect(Dialog.path(["sip:p1;lr", "sip:p2"], "sip:b@c")).toEqual({
      requestUri: "sip:b@c",
      routes: ["sip:p1;lr", "sip:p2"],
      nextHop: "sip:p1;lr",
    });
    expect(Dialog.path(["sip:p1;transport=tcp;LR=on"], "sip:b@c").requestUri).toBe("sip:b@c");
  });
  test("strict routing: the first route becomes the Request-URI, the target the last route", () => {
    expect(Dialog.path(["sip:p1;x=y;method=INVITE?a=b", "sip:p2;lr"], "sip:b@c")).toEqual({
      requestUri: "sip:p1;x=y",
      routes: ["sip:p2;lr", "sip:b@c"],
      nextHop: "sip:p1;x=y",
    });
  });
});
