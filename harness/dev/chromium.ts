import { spawnSync } from 'node:child_process';

/** Names of Chromium's command, by distribution. */
export const CHROMIUM_NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

/** The name that this machine has; undefined if Chromium is not installed. */
export const CHROMIUM = CHROMIUM_NAMES.find((name) => spawnSync(name, ['--version']).status === 0);
