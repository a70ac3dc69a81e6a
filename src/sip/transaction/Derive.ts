/** Requests that follow from an INVITE which we sent: they go the same way, hop by hop. */
import * as HeaderName from "../HeaderName.ts";
import * as MaxForwards from "../MaxForwards.ts";
import type { HeaderField, RequestParts } from "../Printer.ts";

const derive = (invite: RequestParts, method: string, to: string | undefined): RequestParts => {
  const fields: Array<HeaderField> = [];
  const routes: Array<HeaderField> = [];
  for (const [name, value] of invite.fields) {
    switch (HeaderName.canonical(name)) {
      case "via":
        // The topmost alone: the transaction is the one between us and the next hop.
        if (fields.every(([other]) => other !== "Via")) fields.push(["Via", value]);
        break;
      case "route":
        routes.push(["Route", value]);
        break;
      case "from":
        fields.push(["From", value]);
        break;
      case "to":
        fields.push(["To", to ?? value]);
        break;
      case "call-id":
        fields.push(["Call-ID", value]);
        break;
      case "cseq":
        fields.push(["CSeq", `${Number.parseInt(value, 10)} ${method}`]);
        break;
    }
  }
  fields.push(["Max-Forwards", String(MaxForwards.initial)]);
  return { method, uri: invite.uri, fields: [...fields, ...routes] };
};

/** The ACK to a non-2xx response, whose To value is given (RFC 3261 section 17.1.1.3). */
export const ack = (invite: RequestParts, responseTo: string): RequestParts =>
  derive(invite, "ACK", responseTo);

/** The CANCEL (section 9.1); it waits for a provisional response. */
export const cancel = (invite: RequestParts): RequestParts => derive(invite, "CANCEL", undefined);
