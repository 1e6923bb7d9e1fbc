import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the package. */
export const folder = fileURLToPath(new URL('..', import.meta.url));

/** What `npm ci` has installed, or why a test that needs it is skipped. */
export const needsTools = existsSync(path.join(folder, 'node_modules', 'typescript')) ? false : 'the tools are not installed: npm ci';

/** A bound for what starts a compiler or npm on a machine that is busy with other tests. */
const timeout = 120_000;

/** Runs a program; gives what it has said, and fails with that when it fails. @param {string} program @param {string[]} args @param {object} [options] */
export function run(program, args, options) {
  return new Promise((resolve, reject) => {
    execFile(program, args, { cwd: folder, timeout, maxBuffer: 2 ** 24, ...options }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${program} ${args.join(' ')}: ${error.message}\n${stdout}${stderr}`));
      else resolve(stdout + stderr);
    });
  });
}

/** Runs the script of a tool in this version of Node. @param {string} script  `typescript/bin/tsc`. @param {string[]} args @param {object} [options] */
export const tool = (script, args, options) => run(process.execPath, [path.join(folder, 'node_modules', script), ...args], options);
