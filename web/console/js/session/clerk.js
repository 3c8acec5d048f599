// Loads Clerk's script from the instance's own host. Source: clerk.com/docs, "JavaScript Quickstart" (2026-11-28).
const VERSION = "6";
const FORM_VERSION = "1";

/** Load Clerk without its forms, which need inline styles. */
export async function loadClerk(host, key, options = {}) {
  await loadScript(`https://${host}/npm/@clerk/clerk-js@${VERSION}/dist/clerk.browser.js`, key);
  await window.Clerk.load(options);
  return window.Clerk;
}

/** Load Clerk with its forms. */
export async function loadClerkWithForms(host, key) {
  await loadScript(`https://${host}/npm/@clerk/ui@${FORM_VERSION}/dist/ui.browser.js`);
  return loadClerk(host, key, { ui: { ClerkUI: window.__internal_ClerkUICtor } });
}

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
