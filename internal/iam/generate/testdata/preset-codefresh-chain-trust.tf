# Corrected: The published example is one statement: here a whole document, without its empty Condition.
# Corrected: The published comment calls the principal the integration's role. The principal is the role that comes first, such as app-proxy's; it is the integration's role itself only where that one assumes itself.
# Sessions of a chain last at most 1 h: asking for more is refused.

resource "aws_iam_role" "codefresh_ecr" {
  name = "codefresh-ecr"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid    = "AllowAssumeRole"
      Effect = "Allow"
      Principal = {
        AWS = "arn:aws:iam::111111111111:role/app-proxy"
      }
      Action = "sts:AssumeRole"
    }]
  })
}

output "codefresh_ecr_role_arn" {
  value = aws_iam_role.codefresh_ecr.arn
}
