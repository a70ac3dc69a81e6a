/** What a peer may send; each excess is a refusal that names its limit, never a cut value. */
export interface Limits {
  /** Octets of one datagram or WebSocket message. */
  readonly datagram: number;
  /** Octets from the start line to the empty line. */
  readonly head: number;
  readonly headers: number;
  readonly vias: number;
  /** Octets of one header with its folds, and of the start line. */
  readonly line: number;
  /** Octets of a Via, From or To value: every answer repeats them. */
  readonly repeated: number;
  readonly method: number;
  /** Octets of the Request-URI and of the URIs in From, To, Contact and the routes. */
  readonly uri: number;
  /** Octets of a tag, a branch, a Call-ID. */
  readonly token: number;
  readonly body: number;
}

export const defaults: Limits = {
  datagram: 65_535,
  head: 32_768,
  headers: 256,
  vias: 70,
  line: 8_192,
  repeated: 1_024,
  method: 64,
  uri: 512,
  token: 512,
  body: 65_535,
};
