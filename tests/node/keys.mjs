// Keys of the tests: the public half as a JWK.

/** Return the members of a public key that others need. */
export async function exportJWK(key) {
  const { kty, crv, x, y, n, e } = await crypto.subtle.exportKey("jwk", key);
  return Object.fromEntries(Object.entries({ kty, crv, x, y, n, e }).filter(([, value]) => value !== undefined));
}
