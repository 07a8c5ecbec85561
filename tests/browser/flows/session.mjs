// Signing in and out, and who may what.
import { strict as assert } from 'node:assert';
import { password, token, until } from '../driver.mjs';

export async function wrong_password_is_told_and_the_right_one_lets_in(d) {
  const page = await d.page({ path: '/wave?status=paused' });
  await page.getByLabel('User name').fill('ada');
  await page.getByLabel('Password').fill('not the password');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  const alert = page.getByRole('alert');
  await alert.waitFor();
  assert.match(await alert.innerText(), /password[\s\S]*Request id: \S+/);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('heading', { name: 'Waves', level: 1 }).waitFor();
  assert.match(page.url(), /\/wave\?status=paused$/); // where one wanted to go
  await page.getByText('Ada Admin').waitFor();
}

export async function signing_out_ends_the_session(d) {
  const page = await d.as('ada');
  const cookies = await page.context().cookies();
  const cookie = cookies.find((c) => c.name === 'dashboard_session');
  assert.ok(cookie.httpOnly && cookie.sameSite === 'Strict');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('User name').waitFor();
  await page.reload();
  await page.getByLabel('User name').waitFor();
  const answer = await fetch(`${new URL(page.url()).origin}/api/waves`, { headers: { Cookie: `dashboard_session=${cookie.value}` } });
  assert.equal(answer.status, 401);
}

export async function a_session_that_ended_elsewhere_leads_to_sign_in(d) {
  const page = await d.as('ada');
  await page.getByRole('heading', { name: 'Waves', level: 1 }).waitFor();
  await page.context().clearCookies();
  await page.getByRole('button', { name: 'Failed' }).click();
  await page.getByLabel('User name').waitFor();
}

export async function a_reload_keeps_the_session_and_its_right_to_act(d) {
  const id = await d.wave({ name: 'To be paused after a reload', project_uuids: ['a', 'b', 'c'], batch_size: 1, params: { sleep_ms: 60_000 } });
  const page = await d.as('oleg');
  await page.goto(`${new URL(page.url()).origin}/wave/${id}`);
  await page.getByRole('button', { name: 'Pause', exact: true }).click();
  await until(async () => (await d.waveState(id)) === 'paused', 'the pause');
  await d.api('POST', `/api/waves/${id}/stop`, {});
}

export async function a_reload_while_the_database_is_away_says_so_and_keeps_the_session(d) {
  const page = await d.as('oleg');
  await page.route('**/api/auth/check', (route) => route.fulfill({ status: 503, contentType: 'application/problem+json', body: '{"detail":"PostgreSQL does not answer"}' }));
  await page.reload();
  await page.getByRole('alert').getByText('PostgreSQL does not answer').waitFor();
  await page.unroute('**/api/auth/check');
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByRole('heading', { name: 'Waves', level: 1 }).waitFor();
}

export async function a_token_signs_in_for_this_tab(d) {
  const page = await d.page();
  await page.getByRole('button', { name: 'Sign in with a token' }).click();
  await page.getByLabel('API token').fill('wf_not-a-token-at-all');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('alert').waitFor();
  await page.getByLabel('API token').fill(token);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('heading', { name: 'Waves', level: 1 }).waitFor();
  await page.locator('.nav .flow[data-flow=live]').waitFor(); // events flow with a token too
  const other = await page.context().newPage();
  await other.goto(page.url());
  await other.getByLabel('User name').waitFor();
}

export async function a_viewer_sees_and_cannot_act(d) {
  const id = await d.wave({ name: 'Seen by a viewer', project_uuids: ['one', 'two'], batch_size: 1, params: { sleep_ms: 60_000 } });
  const page = await d.as('vera');
  await page.getByRole('link', { name: 'Seen by a viewer' }).waitFor();
  assert.equal(await page.getByRole('button', { name: 'New wave' }).count(), 0);
  assert.equal(await page.getByRole('table').getByRole('button').count(), 0);
  await page.keyboard.press('n');
  assert.equal(await page.locator('dialog').count(), 0);
  await page.getByRole('link', { name: 'Seen by a viewer' }).click();
  await page.getByRole('button', { name: 'one' }).waitFor();
  assert.equal(await page.getByRole('button', { name: /^(Pause|Stop|Restart|Batch size)/ }).count(), 0);
  assert.equal(await page.getByRole('checkbox').count(), 0);
  // Not only does the page not offer it: with all that the page has, the API refuses.
  const status = await page.evaluate(async (wave) => {
    const check = await (await fetch('/api/auth/check')).json();
    const answer = await fetch(`/api/waves/${wave}/pause`, { method: 'POST', headers: { 'X-CSRF-Token': check.csrf_token } });
    return answer.status;
  }, id);
  assert.equal(status, 403);
  await d.api('POST', `/api/waves/${id}/stop`, {});
}
