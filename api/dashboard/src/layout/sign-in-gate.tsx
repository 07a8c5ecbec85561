// Asks the API who this is before anything else is shown; without an answer, or without a session, the
// page to sign in. The events flow only while somebody is signed in.
import { useQueryClient } from '@tanstack/react-query';
import { lazy, type ReactNode, Suspense, useEffect, useState } from 'react';
import { events } from '../api/events';
import { checkSession, firstCheck, useSession } from '../api/session';
import { Problem } from '../ui/problem';

const SignIn = lazy(() => import('../pages/sign-in'));

export function SignInGate({ children }: { children: ReactNode }) {
  const { status } = useSession();
  const client = useQueryClient();
  const [away, setAway] = useState<unknown>(null);
  const check = () => checkSession().then(() => setAway(null), setAway);
  useEffect(() => void firstCheck().then(setAway), []);
  useEffect(() => {
    if (status === 'in') events.start();
    return () => {
      events.stop();
      client.clear(); // the next person may see less
    };
  }, [status, client]);

  if (away)
    return (
      <main className="signin">
        <Problem error={away} retry={() => void check()} />
      </main>
    );
  if (status === 'unknown') return null;
  if (status === 'out')
    return (
      <Suspense>
        <SignIn />
      </Suspense>
    );
  return children;
}
