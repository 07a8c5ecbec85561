// One project without a list: it becomes a wave of its own, of the kind that a migration server runs.
import { Play } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router-dom';
import { useCreate } from '../api/create';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { Check, Field } from '../ui/field';
import { Problem } from '../ui/problem';
import { useToasts } from '../ui/toast';

const texts = {
  mb_project_uuid: '', brz_project_id: '', mb_site_id: '', mb_secret: '',
  brz_workspaces_id: '', mb_page_slug: '', mb_element_name: '',
};
const switches = { skip_media_upload: false, skip_cache: false, quality_analysis: false, mgr_manual: false };
type TextName = keyof typeof texts;
type SwitchName = keyof typeof switches;

const numbers: TextName[] = ['brz_project_id', 'mb_site_id', 'brz_workspaces_id'];

/** What was left empty or off is not sent: the API knows what it means then. */
function body(given: typeof texts, on: typeof switches): Record<string, unknown> {
  const filled = Object.entries(given).map(([name, text]) => [name, text.trim()] as const).filter(([, text]) => text);
  return {
    ...Object.fromEntries(filled.map(([name, text]) => [name, numbers.includes(name as TextName) ? Number(text) : text])),
    ...Object.fromEntries(Object.entries(on).filter(([, yes]) => yes)),
  };
}

export default function RunOne({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation('migrations');
  const navigate = useNavigate();
  const toasts = useToasts();
  const [given, setGiven] = useState(texts);
  const [on, setOn] = useState(switches);
  const { busy, error, create } = useCreate<{ id: number; mb_project_uuid: string }>('/api/migrations/run', (made) => {
    toasts.done(t('one.done', { name: made.mb_project_uuid }));
    navigate(`/migrations/${made.id}`);
  });
  const input = (name: TextName) => ({
    value: given[name],
    onChange: (e: { target: { value: string } }) => setGiven({ ...given, [name]: e.target.value }),
    ...(numbers.includes(name) ? { type: 'number', min: 1 } : {}),
  });
  const check = (name: SwitchName) => (
    <Check key={name} label={t(`one.${name}`)} checked={on[name]} onChange={(yes) => setOn({ ...on, [name]: yes })} />
  );
  const ready = given.mb_project_uuid.trim() !== '' && given.brz_project_id.trim() !== '';

  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (ready) void create(body(given, on));
  };

  return (
    <Dialog
      title={t('run')}
      onClose={onClose}
      foot={
        <>
          <Button onClick={onClose}>{t('common:cancel')}</Button>
          <Button look="primary" type="submit" form="run-one" icon={Play} disabled={!ready || busy}>{t('one.start')}</Button>
        </>
      }
    >
      <form id="run-one" className="form" onSubmit={submit}>
        <p className="muted">{t('one.text')}</p>
        <Field label={t('column.name')}>{(c) => <input {...c} {...input('mb_project_uuid')} required data-autofocus autoComplete="off" />}</Field>
        <Field label={t('column.target')}>{(c) => <input {...c} {...input('brz_project_id')} required />}</Field>
        <div className="form-columns">
          <Field label={t('one.mb_site_id')} hint={t('one.stored')}>{(c) => <input {...c} {...input('mb_site_id')} />}</Field>
          <Field label={t('one.mb_secret')} hint={t('one.stored')}>
            {(c) => <input {...c} {...input('mb_secret')} type="password" autoComplete="off" />}
          </Field>
        </div>
        <details className="disclosure">
          <summary>{t('one.more')}</summary>
          <div className="form">
            <div className="form-columns">
              <Field label={t('one.brz_workspaces_id')}>{(c) => <input {...c} {...input('brz_workspaces_id')} />}</Field>
              <Field label={t('one.mb_page_slug')}>{(c) => <input {...c} {...input('mb_page_slug')} />}</Field>
              <Field label={t('one.mb_element_name')}>{(c) => <input {...c} {...input('mb_element_name')} />}</Field>
            </div>
            {(Object.keys(switches) as SwitchName[]).map(check)}
          </div>
        </details>
        <Problem error={error} />
      </form>
    </Dialog>
  );
}
