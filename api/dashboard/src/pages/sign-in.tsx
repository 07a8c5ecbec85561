// Signing in: with name and password, or with a token of the API (kept in this tab only).
import { KeyRound, LogIn } from 'lucide-react';
import { type FormEvent, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { signIn, signInWithToken } from '../api/session';
import { LanguageSwitch, ThemeSwitch } from '../layout/switches';
import { Button } from '../ui/button';
import { Field } from '../ui/field';
import { Problem } from '../ui/problem';

function useSignIn(send: () => Promise<void>) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const submit = async (e: FormEvent) => {
    e.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await send();
    } catch (refused) {
      setError(refused);
    }
    setBusy(false);
  };
  return { busy, error, submit };
}

function WithPassword() {
  const { t } = useTranslation('login');
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const { busy, error, submit } = useSignIn(() => signIn(name, password));
  return (
    <form onSubmit={(e) => void submit(e)}>
      <Problem error={error} />
      <Field label={t('username')}>
        {(c) => <input {...c} autoComplete="username" autoFocus required value={name} onChange={(e) => setName(e.target.value)} />}
      </Field>
      <Field label={t('password')}>
        {(c) => (
          <input {...c} type="password" autoComplete="current-password" required value={password} onChange={(e) => setPassword(e.target.value)} />
        )}
      </Field>
      <Button type="submit" look="primary" icon={LogIn} disabled={busy}>
        {t('signIn')}
      </Button>
      <p className="muted signin-hint">
        {t('noUser')} <code>wavefleet-api user create NAME --role admin</code>
      </p>
    </form>
  );
}

function WithToken() {
  const { t } = useTranslation('login');
  const [token, setToken] = useState('');
  const { busy, error, submit } = useSignIn(() => signInWithToken(token.trim()));
  return (
    <form onSubmit={(e) => void submit(e)}>
      <Problem error={error} />
      <Field label={t('token')} hint={t('tokenHint')}>
        {(c) => <input {...c} type="password" autoComplete="off" autoFocus required value={token} onChange={(e) => setToken(e.target.value)} />}
      </Field>
      <Button type="submit" look="primary" icon={KeyRound} disabled={busy}>
        {t('signIn')}
      </Button>
    </form>
  );
}

export default function SignIn() {
  const { t } = useTranslation('login');
  const [byToken, setByToken] = useState(false);
  useEffect(() => {
    document.title = `${t('title')} · wavefleet`;
  }, [t]);
  return (
    <main className="signin">
      <div className="signin-card">
        <div className="page-head">
          <div className="brand">
            <img src="/favicon.svg" alt="" width={26} height={26} />
            wavefleet
          </div>
          <div className="switches">
            <ThemeSwitch />
            <LanguageSwitch />
          </div>
        </div>
        <h1>{t('title')}</h1>
        {byToken ? <WithToken /> : <WithPassword />}
        <Button look="quiet" onClick={() => setByToken(!byToken)}>
          {t(byToken ? 'usePassword' : 'useToken')}
        </Button>
      </div>
    </main>
  );
}
