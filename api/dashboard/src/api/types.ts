// What the API answers, as far as the dashboard reads it. README and the routes say more.

export type WaveStatus = 'pending' | 'in_progress' | 'paused' | 'completed' | 'error' | 'stopped';
export type WaveState = 'planning' | 'ready' | 'running' | 'paused' | 'completed' | 'error' | 'stopped';
export type MigrationStatus = 'pending' | 'in_progress' | 'completed' | 'error' | 'cancelled';
export type MigrationState =
  | 'blocked' | 'pending' | 'running' | 'parked' | 'retrying' | 'completed' | 'failed' | 'cancelled';

export interface Progress {
  total: number;
  completed: number;
  failed: number;
  cancelled?: number;
  running?: number;
  parked?: number;
}

export interface Wave {
  id: string;
  name: string;
  workspace_id: number | null;
  workspace_name: string | null;
  status: WaveStatus;
  state: WaveState;
  kind: string;
  queue: string;
  batch_size: number;
  progress: Progress;
  cancelled?: number;
  note?: string | null;
  created_at: string;
  updated_at: string;
  completed_at: string | null;
}

export interface WaveDetails extends Wave {
  in_flight?: number;
  mgr_manual: boolean;
  enable_cloning: boolean;
  params: Record<string, unknown> | null;
  priority: number;
  max_attempts: number;
  timeout_seconds: number | null;
  run_no: number;
  created_by: string | null;
  start_at: string | null;
  deadline_at: string | null;
  canary: number | null;
  canary_pending: boolean;
  max_failures: number | string | null;
  depends_on: string[];
}

export interface WaveMigration {
  id: number;
  mb_project_uuid: string;
  brz_project_id: number | null;
  status: MigrationStatus;
  state: MigrationState;
  brizy_project_domain: string | null;
  error: string | null;
  class: string | null;
  completed_at: string | null;
  attempts: number;
  result_data: unknown;
}

export interface Attempt {
  attempt: number;
  worker_id: number | null;
  host: string | null;
  pid: number | null;
  started_at: string | null;
  finished_at: string | null;
  /** null: it is under way, as `state` says. */
  outcome: string | null;
  state?: MigrationState | null;
  class: string | null;
  error: string | null;
}

export interface WaveMigrationDetails extends WaveMigration {
  wave_id: string;
  kind: string;
  params: Record<string, unknown> | null;
  spent: number;
  max_attempts: number;
  started_at: string | null;
  updated_at: string | null;
  worker_id: number | null;
  due_at: string | null;
  progress: unknown;
  depends_on: { mb_project_uuid: string; state: MigrationState }[];
  history: Attempt[];
}

export interface LogLine {
  id: number;
  at: string;
  stream?: string;
  attempt?: number;
  line: string;
}

export interface Logs {
  logs: string[];
  entries: LogLine[];
  next_after: number | null;
}

export type RoleName = 'viewer' | 'operator' | 'admin';

export interface User {
  id: number | string;
  username: string;
  full_name?: string | null;
  email?: string | null;
  roles: { name: RoleName }[];
  permissions: { resource: string; action: string }[];
}

export interface AuthCheck {
  authenticated: boolean;
  user: User | null;
  csrf_token: string | null;
  login_required?: boolean;
}
