// The node's API, and how its answers are read and written as text.

let lastId = 0;

/** Calls a method of the node; throws an Error with the node's own words if it refuses. */
export async function call(method, params = {}) {
  lastId += 1;
  const response = await fetch("/", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: lastId, method, params }),
  });
  const text = await response.text();
  let reply;
  try {
    reply = JSON.parse(text);
  } catch {
    throw new Error(text.trim() || `the node answered with HTTP ${response.status}`);
  }
  if (reply.error) {
    throw new Error(reply.error.data || reply.error.message);
  }
  return reply.result;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** Text as base64 of its UTF-8. */
export function toBase64(text) {
  return btoa(String.fromCharCode(...encoder.encode(text)));
}

/** Text as hex of its UTF-8. */
export function toHex(text) {
  return hexOf(encoder.encode(text));
}

/** Base64 as the API has it, null for no bytes at all. */
export function bytesOf(base64) {
  return Uint8Array.from(atob(base64 ?? ""), (character) => character.charCodeAt(0));
}

export function hexOf(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A hash in hex as base64, which is how a body of JSON names it. */
export function hashToBase64(hex) {
  const bytes = (hex.match(/../g) ?? []).map((digits) => Number.parseInt(digits, 16));
  return btoa(String.fromCharCode(...bytes));
}

/** Bytes as text if all of it can be printed, else as hex. */
export function readable(base64) {
  const bytes = bytesOf(base64);
  try {
    const text = decoder.decode(bytes);
    if (!/\p{Cc}/u.test(text)) return text;
  } catch {
    // No text, then.
  }
  return `0x${hexOf(bytes)}`;
}

/** The hash of a transaction; null where the browser has no SHA-256 (plain HTTP from afar). */
export async function hashOf(base64) {
  if (!globalThis.crypto?.subtle) return null;
  const digest = await crypto.subtle.digest("SHA-256", bytesOf(base64));
  return hexOf(new Uint8Array(digest)).toUpperCase();
}

/** The beginning of something long. */
export function short(text, length = 10) {
  return text.length <= length + 1 ? text : `${text.slice(0, length)}…`;
}

/** A number with separators. */
export function count(number) {
  return Number(number).toLocaleString("en");
}

/** A number of bytes. */
export function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let amount = Number(bytes);
  let unit = 0;
  while (1000 <= amount && unit < units.length - 1) {
    amount /= 1000;
    unit += 1;
  }
  return `${unit === 0 || 100 <= amount ? Math.round(amount) : amount.toFixed(1)} ${units[unit]}`;
}

/** A time of the chain, in the viewer's zone. */
export function clock(rfc3339) {
  const time = new Date(rfc3339);
  if (Number.isNaN(time.getTime()) || time.getUTCFullYear() < 1970) return "—";
  const isToday = time.toDateString() === new Date().toDateString();
  const day = isToday ? "" : `${time.toLocaleDateString()} `;
  const millis = String(time.getMilliseconds()).padStart(3, "0");
  return `${day}${time.toLocaleTimeString("en-GB")}.${millis}`;
}
