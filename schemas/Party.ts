/** Who takes part in a call, and how calls end. */
import { Schema } from "effect";
import { text } from "./Ids.ts";

export const Feature = Schema.Literals(["echo", "tone"]);
export type Feature = typeof Feature.Type;

/** Longest number of a party, also where it is escaped as the user part of a URI. */
export const maxNumber = 256;

/** A participant: `display` and `number` are what the other side is shown. */
export const Party = Schema.TaggedUnion({
  User: { extension: text(maxNumber), display: text(256) },
  Trunk: { trunk: text(64), number: text(maxNumber), display: text(256) },
  Feature: { feature: Feature },
});
export type Party = typeof Party.Type;

/** The number that stands for a party in CDRs and towards the other side. */
export const numberOf = (party: Party): string =>
  party._tag === "User"
    ? party.extension
    : party._tag === "Trunk"
    ? party.number
    : features[party.feature];

/** Feature codes, dialled like an extension. */
export const features: Readonly<Record<Feature, string>> = { echo: "*43", tone: "*44" };

/** Why a call ended: exactly one for each call. */
export const Cause = Schema.Literals([
  "hangup", // BYE in an answered call
  "cancelled", // the caller gave up before the answer
  "busy", // 486, 600
  "noAnswer", // nobody answered in the ring time
  "declined", // 603, 403 by the callee
  "notFound", // no such user, no route
  "unreachable", // no binding, no flow, no response
  "notAcceptable", // no common media: 488, 606, 415
  "forbidden", // policy
  "noMedia", // no relay ports
  "duration", // maximum duration
  "lost", // a peer no longer knows the dialog, or never acknowledged
  "failed", // any other refusal
]);
export type Cause = typeof Cause.Type;

export const Side = Schema.Literals(["caller", "callee", "engine"]);
export type Side = typeof Side.Type;
