import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A cold start takes about a second; the rest is for a machine that is busy with other tests. */
const startTimeout = 60_000;

/**
 * Starts the built server on a free loopback port, in the Development environment.
 * @param {...string} settings  Settings other than the defaults: `--Rooms:HistoryMessages=5`.
 */
export async function startFront(...settings) {
  const dll = findFront();
  // Tests ask for more, and faster, than clients may.
  const defaults = ['--urls=http://127.0.0.1:0', '--Logging:LogLevel:Microsoft.Hosting.Lifetime=Information', '--Limits:Enabled=false'];
  const child = spawn('dotnet', [dll, ...defaults, ...settings], {
    cwd: path.dirname(dll),
    env: { ...process.env, ASPNETCORE_ENVIRONMENT: 'Development', DOTNET_ENVIRONMENT: 'Development' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  process.once('exit', () => child.kill('SIGKILL'));
  const output = [];
  const port = await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`The front did not listen within ${startTimeout} ms:\n${output.join('\n')}`)), startTimeout);
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`The front ended at its start:\n${output.join('\n')}`)));
    for (const stream of [child.stdout, child.stderr]) {
      createInterface(stream).on('line', line => {
        output.push(line);
        const match = /Now listening on: http:\/\/127\.0\.0\.1:(\d+)/.exec(line);
        if (!match) return;
        clearTimeout(timer);
        resolve(Number(match[1]));
      });
    }
  });
  return {
    port,
    url: `ws://127.0.0.1:${port}/ws`,
    /** Calls the HTTP API, as another service does. */
    post(/** @type {string} */ at, /** @type {object} */ body) {
      return this.call('POST', at, body);
    },
    async call(/** @type {string} */ method, /** @type {string} */ at, /** @type {object} [body] */ body) {
      const answer = await fetch(`http://127.0.0.1:${port}${at}`, {
        method, headers: body && { 'content-type': 'application/json' }, body: body && JSON.stringify(body),
      });
      if (!answer.ok) throw new Error(`${at} answered ${answer.status}: ${await answer.text()}`);
      return answer.json();
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = new Promise(resolve => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** REALTIME_FRONT names the server; otherwise it is the one that was built last in this repository. */
function findFront() {
  if (process.env.REALTIME_FRONT) return process.env.REALTIME_FRONT;
  const artifacts = fileURLToPath(new URL('../../../artifacts', import.meta.url));
  for (const configuration of ['release', 'debug']) {
    const dll = path.join(artifacts, 'bin', 'Server', configuration, 'Realtime.Server.dll');
    if (existsSync(dll)) return dll;
  }
  throw new Error(`The server is not built; run: dotnet build src/Server`);
}
