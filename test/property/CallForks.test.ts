/** A6: what forks of a call show the caller, and what becomes of an offer that is taken back. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { EdgeEffect, Effect } from "../../schemas/Effect.ts";
import { parameters } from "../prove/Rows.ts";
import { live } from "./CallLife.ts";
import * as Model from "./CallModel.ts";

const { runs } = parameters("A6");

type Of<Tag extends EdgeEffect["_tag"]> = Extract<EdgeEffect, { _tag: Tag }>;

const of = <Tag extends EdgeEffect["_tag"]>(effects: ReadonlyArray<Effect>, tag: Tag) =>
  effects.flatMap(({ body }) => body._tag === tag ? [body as Of<Tag>] : []);

test("under one tag the caller sees one description (RFC 3261 13.2.1)", () => {
  fc.assert(
    fc.property(Model.life, (life) => {
      const shown = new Map<string, string>();
      const all = of(live(life).effects, "SendResponse");
      for (const { leg, path, sdp, toTag } of all) {
        if (leg !== 0 || path.cseq !== 1 || sdp === null || toTag === null) continue;
        expect(shown.get(toTag) ?? sdp).toBe(sdp);
        shown.set(toTag, sdp);
      }
    }),
    { numRuns: runs },
  );
});

test("what answers the caller is what the phone that answered said", () => {
  fc.assert(
    fc.property(Model.life, (life) => {
      live(life, ({ after, before, events }) => {
        const answered = events.find(({ _tag }) => _tag === "LegAnswered");
        if (answered?._tag !== "LegAnswered" || before.legs[0]!.media.offer === null) return;
        const { media } = after.legs[answered.leg]!;
        const said = before.legs[answered.leg]!;
        const preview = said.heardTag === answered.remoteTag ? said.media.invite?.response : null;
        expect(media.remote).toBe(preview ?? answered.sdp);
      });
    }),
    { numRuns: runs },
  );
});

test("early media is that of a phone that still rings and has shown itself", () => {
  fc.assert(
    fc.property(Model.life, (life) => {
      live(life, ({ after }) => {
        if (after.phase !== "setup" || after.early === null) return;
        const heard = after.legs[after.early]!;
        expect(["calling", "ringing"]).toContain(heard.phase);
        expect(heard.shown).not.toBeNull();
      });
    }),
    { numRuns: runs },
  );
});

test("an offer is taken back at most once, and only while it is open", () => {
  fc.assert(
    fc.property(Model.life, (life) => {
      live(life, ({ before, events }) => {
        const cancelled = events.find(({ _tag }) => _tag === "MediaCancelled");
        if (cancelled?._tag !== "MediaCancelled") return;
        expect(before.exchange).toMatchObject({
          to: cancelled.leg,
          phase: "offered",
          cancelled: false,
        });
      });
    }),
    { numRuns: runs },
  );
});
