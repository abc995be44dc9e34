/** A module that is no driver. */
export const driver = 'forgotten';
