// What goes wrong with a passkey is said beside its button: the browser's own dialogue closes without a word.
document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  const button = document.querySelector("#passkey_login, [id^=mfa_webauthn]");
  if (!button) return;
  const said = document.getElementById("passkey-error") ?? document.createElement("p");
  said.id = "passkey-error";
  said.className = "notice warn";
  said.setAttribute("role", "alert");
  said.textContent = "The device gave no key. It was cancelled, or there is none for this address.";
  button.after(said);
});
