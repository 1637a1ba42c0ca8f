// A link may carry the token behind its "#", which no server ever sees.
const token = new URLSearchParams(location.hash.slice(1)).get("token");
if (token) {
  history.replaceState(null, "", location.pathname + location.search);
  document.getElementById("token").value = token;
  document.getElementById("sign-in").submit();
}

// Who comes from the issuer's page goes on from here, so that the new cookie goes along.
document.getElementById("goes-on")?.click();
