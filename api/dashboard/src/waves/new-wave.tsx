// A new wave: what it is called, which projects, how. What would be refused is shown before it is sent.
import { useQueryClient } from '@tanstack/react-query';
import { Send } from 'lucide-react';
import { type FormEvent, useDeferredValue, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router-dom';
import { useCreate } from '../api/create';
import { number } from '../i18n/format';
import { asBody, type ProjectList, readProjects } from '../lib/projects';
import '../style/new-wave.css';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { Check, Choices, Field } from '../ui/field';
import { Problem } from '../ui/problem';
import { useToasts } from '../ui/toast';
import { type Kind, KindFields, kinds, kindParams, noParams, type Params } from './kind-fields';
import { Projects } from './projects-field';

interface Form {
  name: string;
  text: string;
  batch: string;
  kind: Kind;
  params: Params;
  manual: boolean;
  canary: string;
  maxFailures: string;
  workspaceId: string;
  workspaceName: string;
  queue: string;
  priority: string;
  maxAttempts: string;
  timeout: string;
  startAt: string;
}

const fresh: Form = {
  name: '', text: '', batch: '3', kind: 'remote', params: noParams, manual: false, canary: '', maxFailures: '',
  workspaceId: '', workspaceName: '', queue: '', priority: '', maxAttempts: '', timeout: '', startAt: '',
};

const whole = (text: string) => (text.trim() === '' ? undefined : Number(text));
const filled = (text: string) => text.trim() || undefined;

function body(form: Form, projects: ReturnType<typeof readProjects>['projects']) {
  const limit = form.maxFailures.trim();
  return {
    name: form.name.trim(),
    ...asBody(projects),
    batch_size: whole(form.batch),
    kind: form.kind,
    params: kindParams(form.kind, form.params),
    mgr_manual: form.manual || undefined,
    canary: whole(form.canary),
    max_failures: limit.endsWith('%') ? limit : whole(limit),
    workspace_id: whole(form.workspaceId),
    workspace_name: filled(form.workspaceName),
    queue: filled(form.queue),
    priority: whole(form.priority),
    max_attempts: whole(form.maxAttempts),
    timeout_seconds: whole(form.timeout),
    start_at: form.startAt ? new Date(form.startAt).toISOString() : undefined,
  };
}

export default function NewWave({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation('new');
  const navigate = useNavigate();
  const client = useQueryClient();
  const toasts = useToasts();
  const [form, setForm] = useState(fresh);
  const { busy, error, create } = useCreate<{ wave_id: string }>('/api/waves', (made) => {
    toasts.done(t('done', { name: form.name.trim() }));
    void client.invalidateQueries({ queryKey: ['waves'] });
    navigate(`/wave/${made.wave_id}`);
  });
  const text = useDeferredValue(form.text); // a long list must not hold up the typing
  const list = useMemo(() => readProjects(text), [text]);
  const behind = text !== form.text;
  const set = <K extends keyof Form>(name: K) => (value: Form[K]) => setForm((f) => ({ ...f, [name]: value }));
  const input = (name: keyof Form) => ({
    value: form[name] as string,
    onChange: (e: { target: { value: string } }) => set(name)(e.target.value as never),
  });
  const canRun = ({ projects, bad }: ProjectList) => projects.length > 0 && bad.length === 0;
  // While the list is behind what was typed, Enter is not refused for it: it is read when it is sent.
  const ready = form.name.trim() !== '' && (behind ? form.text.trim() !== '' : canRun(list));

  const submit = (e: FormEvent) => {
    e.preventDefault();
    const asked = behind ? readProjects(form.text) : list;
    if (ready && canRun(asked)) void create(body(form, asked.projects));
  };

  return (
    <Dialog
      title={t('title')}
      onClose={onClose}
      foot={
        <>
          <Button onClick={onClose}>{t('common:cancel')}</Button>
          <Button look="primary" type="submit" form="new-wave" icon={Send} disabled={!ready || busy}>
            {list.projects.length ? t('create', { count: list.projects.length, n: number(list.projects.length) }) : t('createNone')}
          </Button>
        </>
      }
    >
      <form id="new-wave" className="new-wave" onSubmit={submit}>
        <Field label={t('name')}>
          {(c) => <input {...c} {...input('name')} required maxLength={255} data-autofocus autoComplete="off" />}
        </Field>
        <Projects text={form.text} onChange={set('text')} list={list} />
        <div className="field">
          <span className="label" id="new-kind">{t('kind')}</span>
          <Choices label={t('kind')} value={form.kind} onChange={set('kind')} choices={kinds.map((k) => ({ value: k, label: t(`kinds.${k}`) }))} />
          <span className="hint">{t(`kinds.${form.kind}Hint`)}</span>
        </div>
        <KindFields kind={form.kind} params={form.params} onChange={set('params')} />
        <div className="columns">
          <Field label={t('batch')} hint={t('batchHint')}>
            {(c) => <input {...c} {...input('batch')} type="number" min={1} max={10_000} required />}
          </Field>
          <Field label={t('canary')} hint={t('canaryHint')}>
            {(c) => <input {...c} {...input('canary')} type="number" min={1} max={list.projects.length || undefined} />}
          </Field>
          <Field label={t('maxFailures')} hint={t('maxFailuresHint')}>
            {(c) => <input {...c} {...input('maxFailures')} inputMode="numeric" pattern="\s*\d+(\.\d+)?\s*%?\s*" />}
          </Field>
        </div>
        <Check label={t('manual')} hint={t('manualHint')} checked={form.manual} onChange={set('manual')} />
        <details className="more">
          <summary>{t('more')}</summary>
          <div className="columns">
            <Field label={t('workspaceId')}>{(c) => <input {...c} {...input('workspaceId')} type="number" min={1} />}</Field>
            <Field label={t('workspaceName')}>{(c) => <input {...c} {...input('workspaceName')} />}</Field>
            <Field label={t('queue')}>{(c) => <input {...c} {...input('queue')} placeholder="default" />}</Field>
            <Field label={t('priority')} hint={t('priorityHint')}>{(c) => <input {...c} {...input('priority')} type="number" min={0} max={9} />}</Field>
            <Field label={t('maxAttempts')}>{(c) => <input {...c} {...input('maxAttempts')} type="number" min={1} max={1000} />}</Field>
            <Field label={t('timeout')}>{(c) => <input {...c} {...input('timeout')} type="number" min={0} />}</Field>
            <Field label={t('startAt')}>{(c) => <input {...c} {...input('startAt')} type="datetime-local" />}</Field>
          </div>
        </details>
        <Problem error={error} />
      </form>
    </Dialog>
  );
}
