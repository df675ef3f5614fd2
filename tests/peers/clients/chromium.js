// Headless Chromium with its own NTLM. usage: node chromium.js URL DOMAIN\USER PASSWORD ; prints the HTTP status of the page, and
// writes the page to the file that CLIENT_BODY names.
const fs = require('fs');
const os = require('os');
const path = require('path');
const { chromium } = require(path.join(process.env.NODE_MODULES, 'playwright-core'));

const [, , url, username, password] = process.argv;
(async () => {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'postern-chromium-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    headless: true,
    ignoreHTTPSErrors: true,
    timeout: 60000,
    httpCredentials: { username, password },
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-dev-shm-usage', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
  });
  try {
    const page = await context.newPage();
    const response = await page.goto(url, { timeout: 30000 });
    if (process.env.CLIENT_BODY) fs.writeFileSync(process.env.CLIENT_BODY, await response.body());
    console.log(response.status());
  } catch (error) {
    console.log('000', String(error).split('\n')[0]);
  }
  await context.close();
  fs.rmSync(profile, { recursive: true, force: true });
})();
