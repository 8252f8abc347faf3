// The page for Privy's React SDK: signs the user in, fetches an assertion, and posts it to a constant address.
"use client";
import { PrivyProvider, getAccessToken, usePrivy } from "@privy-io/react-auth";
import { useEffect, useRef, useState } from "react";

const CALLBACK = "https://auth.example.com/sign-in/callback/app"; // constant: never taken from the query

function SignIn() {
  const { ready, authenticated, login, logout } = usePrivy();
  const form = useRef<HTMLFormElement>(null);
  const begun = useRef(false);
  const [query] = useState(() => new URLSearchParams(window.location.search));
  const [assertion, setAssertion] = useState("");
  const anew = query.get("prompt") === "login" || query.has("max_age");
  const [leftFormerSession, setLeftFormerSession] = useState(!anew);

  useEffect(() => {
    if (!ready) return;
    if (!leftFormerSession) {
      void (authenticated ? logout() : Promise.resolve()).then(() => setLeftFormerSession(true));
    } else if (!authenticated) {
      const hint = query.get("login_hint");
      login(hint?.includes("@") ? { prefill: { type: "email", value: hint } } : undefined);
    } else if (!begun.current) {
      begun.current = true;
      void fetchAssertion(query.get("nonce"), anew).then(setAssertion);
    }
  }, [ready, authenticated, leftFormerSession, anew, login, logout, query]);

  useEffect(() => {
    if (assertion) form.current?.submit();
  }, [assertion]);

  return (
    <form method="post" action={CALLBACK} ref={form}>
      <input type="hidden" name="state" value={query.get("state") ?? ""} readOnly />
      <input type="hidden" name="assertion" value={assertion} readOnly />
      <button name="error" value="access_denied">Cancel</button>
    </form>
  );
}

async function fetchAssertion(nonce: string | null, signedInAnew: boolean): Promise<string> {
  const answer = await fetch("/api/mcp-sign-in", {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${await getAccessToken()}` },
    body: JSON.stringify({ nonce, signedInAnew }),
  });
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  return (await answer.json()).assertion;
}

export default function Page() {
  return (
    <PrivyProvider appId={process.env.NEXT_PUBLIC_PRIVY_APP_ID!}>
      <SignIn />
    </PrivyProvider>
  );
}
