// Gets a session token and sends it with the form: from Clerk's script in production, from the link's fragment on one
// machine. Source: clerk.com/docs, "JavaScript Quickstart" (2026-11-28).
const VERSION = "6";
const FORM_VERSION = "1";
const FRAGMENT = "#token=";
const form = document.getElementById("sign-in");
const { clerkHost, clerkKey } = form.dataset;

function loadScript(address, key) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.async = true;
    script.crossOrigin = "anonymous";
    if (key) script.dataset.clerkPublishableKey = key;
    script.addEventListener("load", resolve);
    script.addEventListener("error", () => reject(new Error(`${address} could not be loaded`)));
    document.head.append(script);
  });
}

async function startClerk() {
  await loadScript(`https://${clerkHost}/npm/@clerk/ui@${FORM_VERSION}/dist/ui.browser.js`);
  await loadScript(`https://${clerkHost}/npm/@clerk/clerk-js@${VERSION}/dist/clerk.browser.js`, clerkKey);
  await window.Clerk.load({ ui: { ClerkUI: window.__internal_ClerkUICtor } });
  if (!window.Clerk.session) {
    window.Clerk.mountSignIn(document.getElementById("clerk"), { forceRedirectUrl: location.href });
    return;
  }
  const button = form.querySelector("button");
  button.hidden = false;
  button.addEventListener("click", async (event) => {
    event.preventDefault();
    form.elements.token.value = (await window.Clerk.session.getToken()) ?? "";
    form.submit();
  });
}

function takeTokenFromAddress() {
  if (!location.hash.startsWith(FRAGMENT)) return;
  form.elements.token.value = location.hash.slice(FRAGMENT.length);
  history.replaceState(null, "", location.pathname);
  form.submit();
}

if (clerkHost) {
  startClerk().catch(() => {
    document.getElementById("clerk").textContent = "Clerk's form could not be loaded. Check the network and reload.";
  });
} else {
  takeTokenFromAddress();
  // A link that is opened where this page is shown already loads nothing.
  window.addEventListener("hashchange", takeTokenFromAddress);
}
