/** A module that is not a driver. */
export const driver = 'forgotten';
