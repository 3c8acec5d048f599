// Who is signed in. In production Clerk's script holds the session and renews its token; on one machine, where a stand-in
// replaces Clerk, the link of `make run` brings the token in its fragment.
import { loadClerk } from "./clerk.js";

const STORED_TOKEN = "whyviral.token";
const FRAGMENT = "#token=";
const clerkHost = document.querySelector('meta[name="clerk-host"]')?.content ?? ""; // pages without sign-in have none
const clerkKey = document.querySelector('meta[name="clerk-key"]')?.content ?? "";

let clerk = null;
let onSignedOut = () => {};

export const usesClerk = clerkHost !== "";
/** The page with Clerk's form for the account; null where a stand-in replaces Clerk. */
export const accountAddress = usesClerk ? new URL("../../../sign-in?account", import.meta.url).href : null;

/** Find the session. Call this once, before the first call of the API. */
export async function startSession({ whenSignedOut }) {
  onSignedOut = whenSignedOut;
  if (usesClerk) {
    clerk = await loadClerk(clerkHost, clerkKey);
    return clerk.session !== null && clerk.session !== undefined;
  }
  takeTokenFromAddress();
  return sessionStorage.getItem(STORED_TOKEN) !== null;
}

/** The token moves from the address bar, which is shown and remembered, into this tab's storage. */
function takeTokenFromAddress() {
  if (!location.hash.startsWith(FRAGMENT)) return;
  const token = location.hash.slice(FRAGMENT.length);
  history.replaceState(null, "", `${location.pathname}${location.search}#/`);
  window.dispatchEvent(new HashChangeEvent("hashchange"));
  if (/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) sessionStorage.setItem(STORED_TOKEN, token);
}

/** The token of the session; null if there is none. */
export async function getToken() {
  if (usesClerk) return (await clerk?.session?.getToken()) ?? null;
  return sessionStorage.getItem(STORED_TOKEN);
}

/** The API has refused the token. */
export function reportSignedOut() {
  sessionStorage.removeItem(STORED_TOKEN);
  onSignedOut();
}

export async function signOut() {
  if (usesClerk) await clerk.signOut();
  sessionStorage.removeItem(STORED_TOKEN);
  onSignedOut();
}
