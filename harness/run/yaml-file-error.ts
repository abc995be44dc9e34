import { NetifspecError } from '../base/errors.js';

/**
 * A YAML file that is not valid. The message has a line for each problem: file, line, key and reason. The class has its
 * own file so that catching it does not load the YAML parser.
 */
export class YamlFileError extends NetifspecError {
  override readonly name = 'YamlFileError';
  readonly exitCode = 2;
}
