// What may come of a request: an answer, a refusal with the API's own sentence and the request's id, or nothing.
export interface FieldError {
  pointer: string;
  detail: string;
}

export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly code: string,
    readonly requestId: string | null,
    readonly errors: FieldError[] = [],
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

/** Whatever it answers. */
export const reach = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(path, { credentials: 'same-origin', ...init }).catch(() => {
    throw new ApiError('', 0, 'unreachable', null);
  });

export async function refusal(answer: Response): Promise<ApiError> {
  const problem = await answer.json().catch(() => ({}));
  const id = problem.request_id ?? answer.headers.get('X-Request-Id');
  const sentence = problem.detail ?? problem.error ?? `${answer.status} ${answer.statusText}`;
  return new ApiError(sentence, answer.status, problem.code ?? 'unknown', id, problem.errors ?? []);
}
