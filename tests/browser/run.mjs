// node run.mjs MODULE FLOW: one flow of flows/MODULE.mjs in a browser of its own. Exit code 0: it went well.
// Where it does not, what the pages said, what the last one shows and a picture of it are left behind.
// THROTTLE=4 in the environment makes the page's computer four times slower: what hangs on its haste is found so.
import { mkdirSync } from 'node:fs';
import { Driver } from './driver.mjs';

const [module, flow] = process.argv.slice(2);
const flows = await import(`./flows/${module}.mjs`);
mkdirSync(process.env.SCREENSHOTS, { recursive: true });
const driver = await Driver.start();
let failed = false;
try {
  await flows[flow](driver);
  driver.checkPages();
} catch (error) {
  failed = true;
  console.log(error.stack ?? String(error));
  console.log(driver.said.join('\n'));
  console.log(await driver.shown());
  await driver.picture(`failed-${module}-${flow}`);
}
await driver.close();
process.exit(failed ? 1 : 0);
