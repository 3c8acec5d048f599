// The page with Clerk's forms: sign-in, and with `?account` the account, where users make API keys. It is a page of its own, because Clerk's forms need a wider CSP.
import { texts } from "../texts.js";
import { loadClerkWithForms } from "./clerk.js";

const place = document.getElementById("sign-in");
const host = document.querySelector('meta[name="clerk-host"]').content;
const key = document.querySelector('meta[name="clerk-key"]').content;
const consoleAddress = new URL("../../../", import.meta.url).href;

try {
  const clerk = await loadClerkWithForms(host, key);
  const wantsAccount = new URLSearchParams(location.search).has("account");
  if (clerk.session && wantsAccount) clerk.mountUserProfile(place);
  else if (clerk.session) location.replace(consoleAddress);
  else clerk.mountSignIn(place, { forceRedirectUrl: consoleAddress, signUpForceRedirectUrl: consoleAddress });
} catch {
  place.textContent = texts.signIn.failed;
}
