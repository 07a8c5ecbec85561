// One way to call the API: it adds who is asking, opens the envelope, and turns every refusal into an ApiError.
import { reach, refusal } from './reach';
import { credentials, signedOut } from './session';

/** An answer that may be one page of a list. */
export interface Answer<T> {
  data: T;
  count?: number;
  message?: string;
  next_cursor?: string | null;
}

type Query = Record<string, string | number | boolean | null | undefined>;

export function withQuery(path: string, query: Query): string {
  const pairs = Object.entries(query).filter(([, v]) => v !== undefined && v !== null && v !== '');
  return pairs.length ? `${path}?${new URLSearchParams(pairs.map(([k, v]) => [k, String(v)]))}` : path;
}

async function send(method: string, path: string, body?: unknown, headers: HeadersInit = {}): Promise<Response> {
  const answer = await reach(path, {
    method,
    headers: {
      Accept: 'application/json',
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...credentials(method),
      ...headers,
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (answer.ok) return answer;
  const error = await refusal(answer);
  if (error.status === 401 && !path.startsWith('/api/auth/')) signedOut();
  throw error;
}

/** The whole answer, for lists with a cursor. */
export async function getAnswer<T>(path: string, query: Query = {}): Promise<Answer<T>> {
  return (await send('GET', withQuery(path, query))).json();
}

export async function get<T>(path: string, query: Query = {}): Promise<T> {
  return (await getAnswer<T>(path, query)).data;
}

/** An act. `once`: a key that makes a repeated POST harmless. */
export async function act<T = unknown>(
  method: 'POST' | 'PATCH' | 'PUT' | 'DELETE', path: string, body?: unknown, once?: string,
): Promise<Answer<T>> {
  const headers: HeadersInit = once ? { 'Idempotency-Key': `"${once}"` } : {};
  return (await send(method, path, method === 'DELETE' ? undefined : (body ?? {}), headers)).json();
}

export const post = <T = unknown>(path: string, body?: unknown, once?: string) => act<T>('POST', path, body, once);
export const patch = <T = unknown>(path: string, body: unknown) => act<T>('PATCH', path, body);

/** A path segment: names of projects may hold anything. */
export const segment = (text: string | number) => encodeURIComponent(String(text));

/** Saves what the API answers as a file: a plain link could not say who is asking. */
export async function download(path: string, name: string): Promise<void> {
  const answer = await send('GET', path, undefined, { Accept: '*/*' });
  const link = document.createElement('a');
  link.href = URL.createObjectURL(await answer.blob());
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
