/** Messages for errors of the OS on files. */

/** For each errno: what is wrong with the path, and what to do. */
const SENTENCES: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder; check the path',
  EEXIST: 'exists and is not a folder; give a folder, or remove it',
  ENOTDIR: 'a part of this path is a file; give another path',
  EISDIR: 'is a folder; give a file',
  ENAMETOOLONG: 'the name is too long; give a shorter one',
  ELOOP: 'its symbolic links form a loop; give another path',
  EACCES: 'permission denied; change its permissions, or run as another user',
  EPERM: 'not permitted; run as another user',
  EROFS: 'the file system is read-only; write to another one',
  ENOSPC: 'no space left on the device; free some, or write to another one',
  EDQUOT: 'the disk quota is used up; free some space, or write elsewhere',
  EFBIG: 'the file is larger than the file system or a limit (ulimit -f) allows; raise it, or write elsewhere',
  EMFILE: 'too many open files; raise the limit (ulimit -n)',
  ENFILE: 'the system has too many open files; close other programs',
  ENOMEM: 'no memory left; close other programs',
  EBUSY: 'is in use; end the program that uses it, or give another path',
  ETXTBSY: 'is a program that runs; end it, or give another path',
  EIO: 'the device reported an error; check the disk',
  EPIPE: 'the reader has closed the pipe; read all of the output, or write it to a file',
};

/** Errors of the path itself, independent of the host. */
const WRONG_PATH = new Set(['ENOENT', 'EEXIST', 'ENOTDIR', 'EISDIR', 'ENAMETOOLONG', 'ELOOP']);

export interface FileProblem {
  /** What is wrong and what to do; completes "PATH: …". */
  readonly text: string;
  /** The path that the OS reports; undefined if it reports none, as for a write. */
  readonly path: string | undefined;
  /** Whether the path is wrong on any host. */
  readonly wrongPath: boolean;
}

/** The message for an error of the OS on a file; undefined for any other error. */
export function fileProblem(error: unknown): FileProblem | undefined {
  const { code, path, syscall } = error as NodeJS.ErrnoException;
  const text = code === undefined ? undefined : SENTENCES[code];
  if (!(error instanceof Error) || code === undefined || text === undefined) return undefined;
  if (syscall?.startsWith('spawn')) return { text: 'no such command; install it', path, wrongPath: false };
  return { text, path, wrongPath: WRONG_PATH.has(code) };
}
