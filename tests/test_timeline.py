"""The timeline, against every clip length and against what the released code does where it is right."""
