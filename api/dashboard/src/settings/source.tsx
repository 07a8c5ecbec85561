// The site and the secret of the source. The secret is stored sealed and never sent: a mask stands for it, and
// the mask that is sent back means the stored one.
import { Save } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useMay } from '../api/session';
import { type Settings, useSaveSettings, useSettings } from '../api/settings';
import { Button } from '../ui/button';
import { Field } from '../ui/field';
import { Problem } from '../ui/problem';
import { useToasts } from '../ui/toast';

function Form({ stored, may }: { stored: Settings; may: boolean }) {
  const { t } = useTranslation('settings');
  const toasts = useToasts();
  const save = useSaveSettings();
  const [site, setSite] = useState(stored.mb_site_id === null ? '' : String(stored.mb_site_id));
  const [secret, setSecret] = useState('');
  const submit = (e: FormEvent) => {
    e.preventDefault();
    save.mutate(
      { mb_site_id: site.trim(), mb_secret: secret || (stored.mb_secret ?? '') },
      { onSuccess: () => (setSecret(''), toasts.done(t('source.done'))) },
    );
  };
  return (
    <form className="form" onSubmit={submit}>
      <Field label={t('source.site')} hint={t('source.siteHint')}>
        {(c) => <input {...c} inputMode="numeric" pattern="[0-9]*" autoComplete="off" value={site} disabled={!may} onChange={(e) => setSite(e.target.value)} />}
      </Field>
      <Field label={t('source.secret')} hint={t(stored.mb_secret ? 'source.secretStored' : 'source.secretNone')}>
        {(c) => (
          <input
            {...c}
            type="password"
            autoComplete="new-password"
            placeholder={stored.mb_secret ?? ''}
            value={secret}
            disabled={!may}
            onChange={(e) => setSecret(e.target.value)}
          />
        )}
      </Field>
      <Problem error={save.error} />
      {may ? (
        <div><Button type="submit" look="primary" icon={Save} disabled={save.isPending}>{t('source.save')}</Button></div>
      ) : (
        <p className="muted">{t('source.readOnly')}</p>
      )}
    </form>
  );
}

export function Source() {
  const { t } = useTranslation('settings');
  const may = useMay('admin');
  const { data, error, refetch } = useSettings();
  return (
    <section className="card" aria-labelledby="source">
      <div className="card-head"><h2 id="source">{t('source.title')}</h2></div>
      <div className="card-body panel">
        <p className="muted">{t('source.text')}</p>
        <Problem error={error} retry={() => void refetch()} />
        {!data && !error && <div className="skeleton" />}
        {data && <Form stored={data} may={may} />}
      </div>
    </section>
  );
}
