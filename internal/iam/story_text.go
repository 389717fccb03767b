package iam

const indent = "         "
