/** Tones: one timer for all of them, corrected for drift, running only while one is on. */
import * as Packet from "../rtp/Packet.ts";
import * as Sine from "../rtp/Sine.ts";
import type * as Endpoint from "./Endpoint.ts";
import type { Environment } from "./Environment.ts";
import * as Path from "./Path.ts";

const frameMs = 20;
const octets = Packet.headerSize + Sine.frameSize;
/** Frames that are made up for after a late timer; a longer pause is skipped, not burst. */
const maxCatchUp = 5;

export interface Tones {
  /** Plays on this endpoint, or changes what it plays; source and sequence go on (RFC 3550 5.1). */
  readonly play: (endpoint: Endpoint.Endpoint, hz: number, payloadType: 0 | 8) => void;
  readonly stop: (endpoint: Endpoint.Endpoint) => void;
  readonly playing: () => number;
  /** Stops all. */
  readonly close: () => void;
}

const sendFrame = (path: Path.Path, endpoint: Endpoint.Endpoint, tone: Endpoint.Tone): void => {
  const { frame, sequence, timestamp, ssrc } = tone;
  Packet.write(frame, tone.payloadType, !tone.started, sequence, timestamp, ssrc);
  tone.position = Sine.fill(tone.wave, tone.position, frame, Packet.headerSize);
  // Media time goes on even when nothing can be sent; the sequence counts what was.
  tone.timestamp = (timestamp + Sine.frameSize) >>> 0;
  if (!Path.sendRtp(path, endpoint, frame, octets)) return;
  tone.started = true;
  tone.sequence = (sequence + 1) & 0xffff;
};

export const make = (path: Path.Path, environment: Environment): Tones => {
  const playing = new Set<Endpoint.Endpoint>();
  let cancel: (() => void) | null = null;
  let dueMs = 0;

  const sendFrames = (): void => {
    for (const endpoint of playing) {
      if (endpoint.tone !== null) sendFrame(path, endpoint, endpoint.tone);
    }
  };

  const arm = (): void => {
    cancel = environment.schedule(Math.max(0, dueMs - environment.now()), tick);
  };

  /** One frame for each timer, even when late: a frame's octets are in use until the next one. */
  const tick = (): void => {
    const now = environment.now();
    if (now >= dueMs) {
      sendFrames();
      dueMs = Math.max(dueMs + frameMs, now - (maxCatchUp - 1) * frameMs);
    }
    arm();
  };

  const halt = (): void => {
    cancel?.();
    cancel = null;
  };

  return {
    play: (endpoint, hz, payloadType) => {
      const before = endpoint.tone;
      if (before === null || before.hz !== hz || before.payloadType !== payloadType) {
        endpoint.tone = {
          hz,
          payloadType,
          wave: Sine.wave(hz, payloadType),
          frame: new Uint8Array(octets),
          position: 0,
          sequence: before?.sequence ?? environment.random32() & 0xffff,
          timestamp: before?.timestamp ?? environment.random32(),
          ssrc: before?.ssrc ?? environment.random32(),
          started: before?.started ?? false,
        };
      }
      playing.add(endpoint);
      if (cancel !== null) return;
      dueMs = environment.now() + frameMs;
      arm();
    },
    stop: (endpoint) => {
      playing.delete(endpoint);
      endpoint.tone = null;
      if (playing.size === 0) halt();
    },
    playing: () => playing.size,
    close: () => {
      playing.clear();
      halt();
    },
  };
};
