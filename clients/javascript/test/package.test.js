import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { folder, needsTools, run, tool } from '../support/tools.js';

/**
 * What a browser loads of the client at the most, minified and compressed, in bytes. It is not to grow unseen: a change that needs more
 * raises it, and the figure in README.md.
 */
const budget = 14_000;

let made = '';
before(async () => { made = await mkdtemp(path.join(tmpdir(), 'realtime-client-')); });
after(() => rm(made, { recursive: true, force: true }));

/** As an application's build would make it. */
async function bundle() {
  const { build } = await import('esbuild');
  const { outputFiles: [file] } = await build({ entryPoints: [path.join(folder, 'realtime.js')], bundle: true, minify: true, format: 'esm', target: 'es2022', write: false });
  return file.contents;
}

/** What the examples of the docs take for granted. */
const given = `
  import type { RealtimeClient as Client, Room } from 'realtime-client';
  declare global {
    const RealtimeClient: typeof Client, client: Client, room: Room, url: string;
    const show: any, showAll: any, hide: any, move: any, typing: any, reload: any, again: any, fetchToken: any, aJwt: any;
  }
`;

/** Writes the examples of the docs out as programs to be compiled, and says how many there are. */
async function writeExamples(/** @type {string} */ to) {
  const root = path.join(folder, '..', '..');
  const tasks = path.join(root, 'docs', 'tasks');
  const docs = [path.join(root, 'README.md'), path.join(folder, 'README.md'), ...(await readdir(tasks)).map(name => path.join(tasks, name))];
  await mkdir(to);
  await writeFile(path.join(to, 'given.d.ts'), given);
  await writeFile(path.join(to, 'tsconfig.json'), JSON.stringify({
    compilerOptions: { target: 'es2023', lib: ['es2023', 'dom', 'dom.iterable'], module: 'nodenext', types: [], allowJs: true, checkJs: true, noImplicitAny: false, strictNullChecks: false, noEmit: true },
  }));
  let count = 0;
  for (const doc of docs)
    for (const [, code] of (await readFile(doc, 'utf8')).matchAll(/^```js\n(.*?)^```/gms))
      await writeFile(path.join(to, `${path.basename(doc, '.md')}-${++count}.js`), `${code}export {};\n`);
  return count;
}

test('a browser loads no more than the budget says', { skip: needsTools }, async context => {
  const minified = await bundle();
  const bytes = gzipSync(minified, { level: 9 }).length;
  context.diagnostic(`minified ${minified.length} bytes, with gzip ${bytes}`);
  assert.ok(bytes <= budget, `${bytes} bytes; the budget is ${budget}`);
  assert.ok(bytes > budget * 0.9, `${bytes} bytes: lower the budget of ${budget}, so that what was won is kept`);
  const readme = await readFile(path.join(folder, 'README.md'), 'utf8');
  assert.ok(readme.includes(` ${(bytes / 1024).toFixed(1)} KB `), `README.md does not say that it is ${(bytes / 1024).toFixed(1)} KB`);
});

test('a page asks for all modules at once', async () => {
  const entry = await readFile(path.join(folder, 'realtime.js'), 'utf8');
  const named = [...entry.matchAll(/^(?:im|ex)port .*'\.\/realtime\/(.+)';$/gm)].map(([, name]) => name);
  assert.deepEqual([...new Set(named)].sort(), (await readdir(path.join(folder, 'realtime'))).sort());
});

test('the code is what the types say', { skip: needsTools }, () => tool('typescript/bin/tsc', ['-p', '.']));

test('a program that uses the types compiles, and one that goes against them does not', { skip: needsTools }, () => tool('typescript/bin/tsc', ['-p', 'types']));

test('the package, packed and installed in an empty folder, is imported with its types', { skip: needsTools }, async () => {
  const [{ filename, files }] = JSON.parse(/\[\s*{[\s\S]*/.exec(await run('npm', ['pack', '--json', '--pack-destination', made]))?.[0] ?? '');
  const names = files.map((/** @type {{path: string}} */ file) => file.path);
  assert.deepEqual(names.filter((/** @type {string} */ name) => !/^realtime\/\w+\.js$/.test(name)).sort(), ['LICENSE', 'README.md', 'package.json', 'realtime.d.ts', 'realtime.js']);
  const app = path.join(made, 'app');
  await mkdir(app);
  await writeFile(path.join(app, 'package.json'), '{"name":"app","private":true,"type":"module"}');
  await run('npm', ['install', '--offline', '--no-audit', '--no-fund', path.join(made, filename)], { cwd: app });
  await writeFile(path.join(app, 'app.js'), "import * as all from 'realtime-client'; console.log(Object.keys(all).join());");
  assert.equal((await run(process.execPath, ['app.js'], { cwd: app })).trim(), 'RealtimeClient,RealtimeError,backoff,nameProblem,subprotocol');
  assert.equal((await run(process.execPath, ['--eval', "import('realtime-client').then(all => console.log(typeof all.RealtimeClient))"], { cwd: app })).trim(), 'function');
  await cp(path.join(folder, 'types'), app, { recursive: true });
  for (const [module, resolution] of [['nodenext', 'nodenext'], ['esnext', 'bundler']])
    await tool('typescript/bin/tsc', ['-p', app, '--module', module, '--moduleResolution', resolution]);
  assert.ok(await writeExamples(path.join(app, 'docs')) >= 12);
  await tool('typescript/bin/tsc', ['-p', path.join(app, 'docs')]);
  await tool('@arethetypeswrong/cli/dist/index.js', [path.join(made, filename), '--profile', 'esm-only', '--no-color']);
});

test('nothing about the package is what publint warns of', { skip: needsTools }, async () => {
  const { publint } = await import('publint');
  const { formatMessage } = await import('publint/utils');
  const { messages, pkg } = await publint({ pkgDir: folder, strict: true, pack: 'npm' });
  assert.deepEqual(messages.map(message => formatMessage(message, pkg)), []);
  assert.equal(/** @type {any} */ (pkg).dependencies, undefined);
});
