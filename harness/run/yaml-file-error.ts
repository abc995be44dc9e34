/**
 * A YAML file that can't be used. The message has a line for each complaint: file, line, key and what is wrong. By
 * itself, so that who only has to tell it from others needn't load what reads YAML.
 */
export class YamlFileError extends Error {
  override readonly name = 'YamlFileError';
}
