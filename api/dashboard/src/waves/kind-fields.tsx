// What each kind of migration wants to know, and how that becomes the wave's `params`.
import { useTranslation } from 'react-i18next';
import { Field } from '../ui/field';

export const kinds = ['remote', 'command', 'noop'] as const;
export type Kind = (typeof kinds)[number];

export interface Params {
  siteId: string;
  secret: string;
  argv: string;
  env: string;
  cwd: string;
  sleep: string;
}

export const noParams: Params = { siteId: '', secret: '', argv: '', env: '', cwd: '', sleep: '' };

const lines = (text: string) => text.split('\n').map((l) => l.trim()).filter(Boolean);

/** NAME=value lines; a line without "=" is a name without a value. */
const pairs = (text: string) =>
  Object.fromEntries(lines(text).map((l) => [l.split('=', 1)[0]!, l.includes('=') ? l.slice(l.indexOf('=') + 1) : '']));

const without = (all: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(all).filter(([, v]) => v !== undefined && v !== ''));

const numberOf = (text: string) => (text.trim() === '' ? undefined : Number(text));

export function kindParams(kind: Kind, p: Params): Record<string, unknown> {
  switch (kind) {
    case 'remote':
      return without({ mb_site_id: numberOf(p.siteId), mb_secret: p.secret });
    case 'command':
      return without({ argv: lines(p.argv), env: p.env.trim() ? pairs(p.env) : undefined, cwd: p.cwd.trim() });
    case 'noop':
      return without({ sleep_ms: numberOf(p.sleep) });
  }
}

interface Props {
  kind: Kind;
  params: Params;
  onChange: (params: Params) => void;
}

export function KindFields({ kind, params, onChange }: Props) {
  const { t } = useTranslation('new');
  const input = (name: keyof Params) => ({
    value: params[name],
    onChange: (e: { target: { value: string } }) => onChange({ ...params, [name]: e.target.value }),
  });
  if (kind === 'remote')
    return (
      <div className="columns">
        <Field label={t('siteId')} hint={t('storedHint')}>{(c) => <input {...c} {...input('siteId')} type="number" min={1} />}</Field>
        <Field label={t('secret')} hint={t('storedHint')}>{(c) => <input {...c} {...input('secret')} type="password" autoComplete="off" />}</Field>
      </div>
    );
  if (kind === 'command')
    return (
      <>
        <Field label={t('argv')} hint={t('argvHint', { project: '{project}' })}>
          {(c) => <textarea {...c} {...input('argv')} rows={3} spellCheck={false} required placeholder={'/usr/local/bin/migrate\n{project}'} />}
        </Field>
        <div className="columns">
          <Field label={t('env')} hint={t('envHint')}>{(c) => <textarea {...c} {...input('env')} rows={2} spellCheck={false} />}</Field>
          <Field label={t('cwd')}>{(c) => <input {...c} {...input('cwd')} />}</Field>
        </div>
      </>
    );
  return <Field label={t('sleep')}>{(c) => <input {...c} {...input('sleep')} type="number" min={0} />}</Field>;
}
